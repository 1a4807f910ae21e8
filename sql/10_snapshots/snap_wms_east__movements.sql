-- snapshot: wms_east/movements
-- grain: one row per movement of stock in the warehouse
select
    landed_row_no,
    movement_no as movement_id,
    'EAST' as node,
    item as sku,
    unit as uom,
    qty as movement_qty,
    movement_type,
    moved_at
from landed
