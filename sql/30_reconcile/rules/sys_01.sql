-- rule: SYS-01
-- name: FEED_DOWN_OR_STALE
-- title: A system does not answer, answers in part, or speaks of too long ago
-- grain: feed
-- scope: feed
-- severity: S2
-- owner: Integration
-- class: J
-- source: domain book 2.7
with

troubled_feeds as (
    select system, entity, node, state, as_of, problem, problem_since, freshness_seconds
    from rec_feeds
    where state in ('STALE', 'PARTIAL', 'FAILED')
)

select
    system || '/' || entity as business_key,
    node,
    system || '/' || entity as scope_key,
    cast(null as varchar) as order_id,
    cast(null as bigint) as line_no,
    'OK' as expected_value,
    state as actual_value,
    cast(null as decimal(18, 4)) as delta_qty,
    cast(0 as decimal(18, 2)) as value_at_risk_amount,
    'XXX' as currency,
    problem_since as condition_since,
    problem_since as breaks_at,
    '' as message,
    '' as target_role,
    to_json({'system': system}) as payload,
    to_json({'state': state}) as precondition,
    '' as judgement_reason,
    to_json({
        'problem': problem,
        'as_of': strftime(as_of, '%Y-%m-%dT%H:%M:%SZ'),
        'freshness_seconds': freshness_seconds
    }) as evidence
from troubled_feeds
