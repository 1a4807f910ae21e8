-- rule: SYS-02
-- name: CONTRACT_VIOLATION
-- title: Rows of a feed break its contract and are in quarantine
-- grain: feed
-- scope: feed
-- severity: S2
-- owner: Integration
-- class: J
-- source: domain book 2.7
-- A row whose unit is unknown, and nothing else, is INT-05.
with

quarantined_feeds as (
    select
        system,
        entity,
        count(*) as quarantined_rows,
        min(as_of) as quarantined_since,
        max(snapshot_id) as snapshot_id,
        min(failed_checks) as failed_checks,
        min(source_key) as source_key,
        min(landed_row_no) as landed_row_no
    from ops_open_quarantine
    where failed_checks <> 'uom:known'
    group by system, entity
)

select
    quarantined_feeds.system || '/' || quarantined_feeds.entity as business_key,
    rec_feeds.node,
    quarantined_feeds.system || '/' || quarantined_feeds.entity as scope_key,
    cast(null as varchar) as order_id,
    cast(null as bigint) as line_no,
    '0' as expected_value,
    cast(quarantined_feeds.quarantined_rows as varchar) as actual_value,
    cast(null as decimal(18, 4)) as delta_qty,
    cast(0 as decimal(18, 2)) as value_at_risk_amount,
    'XXX' as currency,
    quarantined_feeds.quarantined_since as condition_since,
    quarantined_feeds.quarantined_since as breaks_at,
    '' as message,
    '' as target_role,
    to_json({'system': quarantined_feeds.system}) as payload,
    to_json({'rows': quarantined_feeds.quarantined_rows}) as precondition,
    '' as judgement_reason,
    to_json({
        'snapshot': quarantined_feeds.snapshot_id,
        'failed_checks': quarantined_feeds.failed_checks,
        'first_row': quarantined_feeds.landed_row_no,
        'first_key': quarantined_feeds.source_key
    }) as evidence
from quarantined_feeds
inner join rec_feeds
    on quarantined_feeds.system = rec_feeds.system and quarantined_feeds.entity = rec_feeds.entity
