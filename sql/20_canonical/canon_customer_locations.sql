-- grain: one row per place that a customer has goods sent to
-- key: system, source_key
select
    system,
    role,
    source_key,
    customer_id,
    ship_to_id,
    status,
    snapshot_id,
    as_of
from feed_customer_locations
