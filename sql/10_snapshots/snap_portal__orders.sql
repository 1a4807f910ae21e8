-- snapshot: portal/orders
-- grain: one row per order placed in the portal
select
    landed_row_no,
    id as order_id,
    'PORTAL' as channel,
    id as channel_order_id,
    customer as customer_id,
    po as customer_po,
    state as status,
    currency,
    placed_at as ordered_at
from landed
