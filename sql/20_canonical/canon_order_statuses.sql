-- grain: one row per order as a customer or a clerk sees it in a portal or CRM
-- key: system, source_key
select
    system,
    role,
    source_key,
    order_id,
    shown_status,
    shown_promise_at,
    updated_at,
    snapshot_id,
    as_of
from feed_order_statuses
