-- snapshot: wms_west/reservations
-- grain: one row per reservation of stock in the warehouse
select
    landed_row_no,
    reservation as reservation_id,
    'WEST' as node,
    sku,
    unit as uom,
    qty as reserved_qty,
    "order" as order_id,
    line as line_no,
    reserved_at
from landed
