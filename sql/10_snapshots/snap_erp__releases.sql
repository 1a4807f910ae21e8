-- snapshot: erp/releases
-- grain: one row per line of a release sent to a warehouse
select
    landed_row_no,
    release_no as release_id,
    order_no as order_id,
    line_no,
    site as node,
    sku,
    uom,
    qty as released_qty,
    null as picked_qty,
    sent_at as released_at,
    null as acked_at
from landed
