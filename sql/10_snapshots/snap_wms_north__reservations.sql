-- snapshot: wms_north/reservations
-- grain: one row per reservation of stock in the warehouse
select
    landed_row_no,
    reservation_no as reservation_id,
    'NORTH' as node,
    item as sku,
    unit as uom,
    qty as reserved_qty,
    order_no as order_id,
    line_no,
    reserved_at
from landed
