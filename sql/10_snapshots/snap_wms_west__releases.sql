-- snapshot: wms_west/releases
-- grain: one row per released order line the warehouse has taken in
select
    landed_row_no,
    release as release_id,
    "order" as order_id,
    line as line_no,
    'WEST' as node,
    sku,
    unit as uom,
    qty as released_qty,
    picked as picked_qty,
    state as pick_status,
    sent_at as released_at,
    acked_at,
    picked_at,
    packed_at
from landed
