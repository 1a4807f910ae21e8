-- grain: one row per customer in one system
-- key: system, source_key
select
    system,
    role,
    source_key,
    customer_id,
    customer_name,
    status,
    payment_terms,
    snapshot_id,
    as_of
from feed_customers
