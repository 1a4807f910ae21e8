-- rule: SYS-02
-- name: CONTRACT_VIOLATION
-- title: Rows of a feed break its contract and are in quarantine, or its fields are not those agreed on
-- grain: feed
-- scope: feed
-- severity: S2
-- owner: Integration
-- class: J
-- source: domain book 2.7
-- A row whose unit is unknown, and nothing else, is INT-05. A new field that nothing reads is no difference.
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
),

drifted_feeds as (
    select
        system,
        entity,
        count(*) as drifted_fields,
        min(drifted_since) as drifted_since,
        max(snapshot_id) as snapshot_id,
        max(contract_version) as contract_version,
        string_agg(kind || ' ' || field || ': ' || agreed || ' -> ' || found, '; ' order by field, kind) as drift
    from ops_open_drift
    where is_read
    group by system, entity
),

breached_feeds as (
    select
        rec_feeds.system,
        rec_feeds.entity,
        rec_feeds.node,
        rec_feeds.system || '/' || rec_feeds.entity as feed,
        coalesce(quarantined_feeds.quarantined_rows, 0) as quarantined_rows,
        coalesce(drifted_feeds.drifted_fields, 0) as drifted_fields,
        coalesce(
            least(quarantined_feeds.quarantined_since, drifted_feeds.drifted_since),
            quarantined_feeds.quarantined_since,
            drifted_feeds.drifted_since
        ) as breached_since,
        coalesce(quarantined_feeds.snapshot_id, drifted_feeds.snapshot_id) as snapshot_id,
        quarantined_feeds.failed_checks,
        quarantined_feeds.landed_row_no,
        quarantined_feeds.source_key,
        drifted_feeds.contract_version,
        drifted_feeds.drift
    from rec_feeds
    left join quarantined_feeds
        on rec_feeds.system = quarantined_feeds.system and rec_feeds.entity = quarantined_feeds.entity
    left join drifted_feeds
        on rec_feeds.system = drifted_feeds.system and rec_feeds.entity = drifted_feeds.entity
    where quarantined_feeds.system is not null or drifted_feeds.system is not null
)

select
    feed as business_key,
    node,
    feed as scope_key,
    cast(null as varchar) as order_id,
    cast(null as bigint) as line_no,
    '0' as expected_value,
    cast(quarantined_rows + drifted_fields as varchar) as actual_value,
    cast(null as decimal(18, 4)) as delta_qty,
    cast(0 as decimal(18, 2)) as value_at_risk_amount,
    'XXX' as currency,
    breached_since as condition_since,
    breached_since as breaks_at,
    '' as message,
    '' as target_role,
    to_json({'system': system}) as payload,
    to_json({'rows': quarantined_rows}) as precondition,
    '' as judgement_reason,
    to_json({
        'snapshot': snapshot_id,
        'failed_checks': failed_checks,
        'first_row': landed_row_no,
        'first_key': source_key,
        'contract_version': contract_version,
        'drift': drift
    }) as evidence
from breached_feeds
