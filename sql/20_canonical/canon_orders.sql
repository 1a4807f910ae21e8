-- grain: one row per order in one system
-- key: system, source_key
select
    system,
    role,
    source_key,
    order_id,
    channel,
    channel_order_id,
    customer_id,
    customer_po,
    ship_to_id,
    payment_terms,
    priority,
    revision_no,
    status,
    currency,
    ordered_at,
    requested_at,
    snapshot_id,
    as_of
from feed_orders
