-- snapshot: wms_north/releases
-- grain: one row per released order line the warehouse has taken in
select
    landed_row_no,
    release_no as release_id,
    order_no as order_id,
    line_no,
    'NORTH' as node,
    item as sku,
    unit as uom,
    qty as released_qty,
    picked as picked_qty,
    pick_status,
    sent_at as released_at,
    acked_at,
    picked_at,
    packed_at
from landed
