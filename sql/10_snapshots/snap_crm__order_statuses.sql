-- snapshot: crm/order_statuses
-- grain: one row per order as customer service sees it
select
    landed_row_no,
    "order" as order_id,
    status as shown_status,
    promise as shown_promise_at,
    updated_at
from landed
