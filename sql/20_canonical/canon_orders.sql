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
    status,
    currency,
    ordered_at,
    snapshot_id,
    as_of
from feed_orders
