-- grain: one row per hold on an order, as one system sees it
-- A system that serves one node sees the hold for that node; others see it for the whole order.
-- key: system, source_key
select
    system,
    role,
    source_key,
    hold_id,
    order_id,
    feed_node as node,
    hold_type,
    status,
    placed_by,
    placed_at,
    resolved_at,
    snapshot_id,
    as_of
from feed_holds
