-- snapshot: wms_west/stock
-- grain: one row per item in the warehouse
select
    landed_row_no,
    'WEST' as node,
    sku,
    unit as uom,
    on_hand as on_hand_qty,
    reserved as reserved_qty,
    free as available_qty
from landed
