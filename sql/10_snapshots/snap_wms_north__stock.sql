-- snapshot: wms_north/stock
-- grain: one row per item in the warehouse
select
    landed_row_no,
    'NORTH' as node,
    item as sku,
    unit as uom,
    on_hand as on_hand_qty,
    reserved as reserved_qty,
    free as available_qty
from landed
