-- snapshot: wms_west/movements
-- grain: one row per movement of stock in the warehouse
select
    landed_row_no,
    movement as movement_id,
    'WEST' as node,
    sku,
    unit as uom,
    qty as movement_qty,
    "type" as movement_type,
    moved_at
from landed
