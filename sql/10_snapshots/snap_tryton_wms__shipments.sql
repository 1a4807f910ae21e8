-- snapshot: tryton_wms/shipments
-- grain: one row per order line of a shipment that has left
select
    landed_row_no,
    shipment_no as shipment_id,
    order_no as order_id,
    line_no,
    site as node,
    item as sku,
    case unit when 'u' then 'EA' else unit end as uom,
    quantity as shipped_qty,
    left_on || 'T00:00:00Z' as shipped_at,
    null as confirmed_at
from landed
