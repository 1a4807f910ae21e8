-- snapshot: wms_north/holds
-- grain: one row per hold as the warehouse sees it
select
    landed_row_no,
    hold_no as hold_id,
    order_no as order_id,
    hold_type,
    status,
    placed_by,
    placed_at,
    resolved_at
from landed
