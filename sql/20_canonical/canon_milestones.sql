-- grain: one row per milestone of an order in one system
-- key: system, source_key
select
    system,
    role,
    source_key,
    order_id,
    milestone,
    occurred_at,
    snapshot_id,
    as_of
from feed_milestones
