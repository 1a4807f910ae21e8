-- snapshot: portal/order_statuses
-- grain: one row per order as its customer sees it
select
    landed_row_no,
    order_no as order_id,
    status as shown_status,
    promise as shown_promise_at,
    shown_at as updated_at
from landed
