-- grain: one row per code, business key and node at which a rule sees a difference
-- The verdict: UNKNOWN while an input of the comparison is stale, partial or holds a quarantined row of the same
-- order or item; TIMING until the slowest input was seen after the grace period, in as many snapshots as the rule asks
-- for; then DIFFER. What a rule plans for the future is not a difference yet. A rule without feeds speaks of the
-- platform's own records and is judged at $now_at.
with

quarantined_keys as (
    select distinct system, entity, order_id, sku
    from ops_open_quarantine
),

concerned_feeds as (
    select
        differences.code,
        differences.business_key,
        differences.node,
        min(rec_feeds.as_of) as watermark_at,
        count(*) filter (where rec_feeds.state <> 'OK') as untrusted_feeds,
        count(*) filter (where quarantined.system is not null) as quarantined_feeds
    from rec_differences as differences
    inner join ref_rule_feeds on differences.code = ref_rule_feeds.code
    inner join rec_feeds
        on ref_rule_feeds.role = rec_feeds.role
        and ref_rule_feeds.contract = rec_feeds.contract
        and (rec_feeds.node = '' or differences.node = '' or rec_feeds.node = differences.node)
    left join quarantined_keys as quarantined
        on rec_feeds.system = quarantined.system
        and rec_feeds.entity = quarantined.entity
        and (
            quarantined.order_id = differences.order_id
            or (differences.order_id is null and quarantined.sku = differences.scope_key)
        )
    group by differences.code, differences.business_key, differences.node
),

dated as (
    select
        differences.code,
        differences.business_key,
        differences.node,
        differences.scope_key,
        differences.order_id,
        differences.line_no,
        differences.expected_value,
        differences.actual_value,
        differences.delta_qty,
        differences.value_at_risk_amount,
        differences.currency,
        coalesce(
            differences.condition_since, previous.condition_since, concerned_feeds.watermark_at, $now_at
        ) as condition_since,
        differences.breaks_at,
        coalesce(concerned_feeds.watermark_at, $now_at) as watermark_at,
        case
            when previous.code is null then 1
            when coalesce(concerned_feeds.watermark_at, $now_at) > previous.watermark_at
                then previous.snapshots_seen + 1
            else previous.snapshots_seen
        end as snapshots_seen,
        coalesce(concerned_feeds.untrusted_feeds, 0) + coalesce(concerned_feeds.quarantined_feeds, 0) > 0
            as is_unknown,
        differences.message,
        differences.target_role,
        differences.payload,
        differences.precondition,
        differences.judgement_reason,
        differences.evidence
    from rec_differences as differences
    left join concerned_feeds
        on differences.code = concerned_feeds.code
        and differences.business_key = concerned_feeds.business_key
        and differences.node = concerned_feeds.node
    left join previous_findings as previous
        on differences.code = previous.code
        and differences.business_key = previous.business_key
        and differences.node = previous.node
)

select
    dated.code,
    dated.business_key,
    dated.node,
    case
        when dated.is_unknown then 'UNKNOWN'
        when dated.watermark_at < coalesce(dated.breaks_at, dated.condition_since) then 'TIMING'
        when dated.snapshots_seen < ref_rules.confirm_snapshots then 'TIMING'
        else 'DIFFER'
    end as verdict,
    ref_rules.severity,
    ref_rules.owner,
    dated.scope_key,
    coalesce(dated.order_id, '') as order_id,
    dated.line_no,
    dated.expected_value,
    dated.actual_value,
    dated.delta_qty,
    dated.value_at_risk_amount,
    dated.currency,
    dated.condition_since,
    coalesce(dated.breaks_at, dated.condition_since) as breaks_at,
    dated.watermark_at,
    dated.snapshots_seen,
    dated.message,
    dated.target_role,
    case when dated.judgement_reason = '' then ref_rules.correction_class else 'J' end as correction_class,
    dated.payload,
    dated.precondition,
    dated.judgement_reason,
    ref_rules.rule_version,
    dated.evidence
from dated
inner join ref_rules on dated.code = ref_rules.code
where not ref_rules.is_planned or dated.condition_since <= $now_at
