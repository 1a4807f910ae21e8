-- snapshot: erp/holds
-- grain: one row per hold as the ERP sees it
select
    landed_row_no,
    hold_no as hold_id,
    order_no as order_id,
    type as hold_type,
    status,
    placed_by,
    placed_at,
    resolved_at
from landed
