-- snapshot: finance/holds
-- grain: one row per credit hold, as the department that decides on it sees it
select
    landed_row_no,
    hold_no as hold_id,
    order_no as order_id,
    'CREDIT' as hold_type,
    status,
    placed_by,
    placed_at,
    resolved_at
from landed
