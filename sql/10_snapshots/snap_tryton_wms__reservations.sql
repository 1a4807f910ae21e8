-- snapshot: tryton_wms/reservations
-- grain: one row per order line for which stock is assigned
select
    landed_row_no,
    'MOVE-' || move_no as reservation_id,
    site as node,
    item as sku,
    case unit when 'u' then 'EA' else unit end as uom,
    quantity as reserved_qty,
    order_no as order_id,
    line_no,
    taken_in_on || 'T00:00:00Z' as reserved_at
from landed
