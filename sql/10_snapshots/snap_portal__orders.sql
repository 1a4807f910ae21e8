-- snapshot: portal/orders
-- grain: one row per order placed in the portal
select
    landed_row_no,
    id as order_id,
    'PORTAL' as channel,
    id as channel_order_id,
    customer as customer_id,
    po as customer_po,
    ship_to as ship_to_id,
    terms as payment_terms,
    priority,
    revision as revision_no,
    state as status,
    currency,
    placed_at as ordered_at,
    requested_at
from landed
