-- grain: one row per code, business key and node at which a rule sees a difference
-- The verdict: UNKNOWN while an input of the comparison is stale, partial or holds a quarantined row of the same
-- order or item; TIMING until the slowest input was seen after the grace period, in as many snapshots as the rule asks
-- for; then DIFFER. What a rule plans for the future is not a difference yet. A rule without feeds speaks of the
-- platform's own records and is judged at $now_at.
-- Where enough lags of the pair that a rule names were seen at the node (rec_lags), they take the place of the grace
-- that the rule grants by itself, within the bounds of the timing policy.
-- The parent: the break that causes this one, where its rule says which codes it follows (the same order line, else the
-- same order, else the same scope and node), or where a break names this one; for UNKNOWN, a feed that is not trusted.
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
        min_by(rec_feeds.node, rec_feeds.system || '/' || rec_feeds.entity)
            filter (where rec_feeds.state <> 'OK') as untrusted_node,
        min(rec_feeds.system || '/' || rec_feeds.entity) filter (where rec_feeds.state <> 'OK') as untrusted_feed,
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

learned_graces as (
    select
        ref_rules.code,
        rec_lags.node,
        rec_lags.p99_seconds * ref_timing.margin as grace_seconds,
        ref_timing.floor_ratio,
        ref_timing.ceiling_ratio
    from ref_rules
    inner join rec_lags on ref_rules.lag = rec_lags.pair
    cross join ref_timing
    where rec_lags.sample_count >= ref_timing.minimum_samples
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
        case
            when learned_graces.code is null or differences.breaks_at <= differences.condition_since
                then differences.breaks_at
            else to_timestamp(
                epoch(differences.condition_since)
                + least(
                    greatest(
                        learned_graces.grace_seconds,
                        (epoch(differences.breaks_at) - epoch(differences.condition_since)) * learned_graces.floor_ratio
                    ),
                    (epoch(differences.breaks_at) - epoch(differences.condition_since)) * learned_graces.ceiling_ratio
                )
            )
        end as breaks_at,
        coalesce(concerned_feeds.watermark_at, $now_at) as watermark_at,
        case
            when previous.code is null then 1
            when coalesce(concerned_feeds.watermark_at, $now_at) > previous.watermark_at
                then previous.snapshots_seen + 1
            else previous.snapshots_seen
        end as snapshots_seen,
        coalesce(concerned_feeds.untrusted_feeds, 0) + coalesce(concerned_feeds.quarantined_feeds, 0) > 0
            as is_unknown,
        concerned_feeds.untrusted_feed,
        concerned_feeds.untrusted_node,
        differences.message,
        differences.target_role,
        differences.payload,
        differences.precondition,
        differences.judgement_reason,
        differences.evidence,
        differences.severity
    from rec_differences as differences
    left join concerned_feeds
        on differences.code = concerned_feeds.code
        and differences.business_key = concerned_feeds.business_key
        and differences.node = concerned_feeds.node
    left join learned_graces on differences.code = learned_graces.code and differences.node = learned_graces.node
    left join previous_findings as previous
        on differences.code = previous.code
        and differences.business_key = previous.business_key
        and differences.node = previous.node
),

judged as (
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
        coalesce(dated.severity, ref_rules.severity) as severity,
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
        dated.evidence,
        coalesce(ref_rule_steps.steps_done, '') as steps_done,
        dated.untrusted_feed,
        dated.untrusted_node
    from dated
    inner join ref_rules on dated.code = ref_rules.code
    left join ref_rule_steps on dated.code = ref_rule_steps.code and dated.message = ref_rule_steps.message
    where not ref_rules.is_planned or dated.condition_since <= $now_at
),

breaks as (
    select code, business_key, node, scope_key, order_id, line_no, condition_since
    from judged
    where verdict = 'DIFFER'
),

causes as (
    select
        judged.code, judged.business_key, judged.node, breaks.code as parent_code,
        breaks.business_key as parent_business_key, breaks.node as parent_node, breaks.condition_since,
        0 as remoteness, 0 as position
    from judged
    inner join ref_rules on not ref_rules.names_case and judged.code = ref_rules.code
    inner join breaks on judged.code || '/' || judged.business_key = breaks.business_key and judged.node = breaks.node
    inner join ref_rules as naming on naming.names_case and breaks.code = naming.code
    union all
    select
        judged.code, judged.business_key, judged.node, breaks.code as parent_code,
        breaks.business_key as parent_business_key, breaks.node as parent_node, breaks.condition_since,
        case when judged.line_no = breaks.line_no then 1 else 2 end as remoteness, ref_rule_follows.position
    from judged
    inner join ref_rule_follows on judged.code = ref_rule_follows.code
    inner join breaks
        on ref_rule_follows.parent_code = breaks.code
        and judged.order_id = breaks.order_id
        and (judged.line_no is null or breaks.line_no is null or judged.line_no = breaks.line_no)
    where judged.order_id <> ''
    union all
    select
        judged.code, judged.business_key, judged.node, breaks.code as parent_code,
        breaks.business_key as parent_business_key, breaks.node as parent_node, breaks.condition_since,
        3 as remoteness, ref_rule_follows.position
    from judged
    inner join ref_rule_follows on judged.code = ref_rule_follows.code
    inner join breaks
        on ref_rule_follows.parent_code = breaks.code
        and judged.scope_key = breaks.scope_key
        and judged.node = breaks.node
    where judged.order_id = '' and breaks.order_id = ''
),

parents as (
    select code, business_key, node, parent_code, parent_business_key, parent_node
    from causes
    qualify row_number() over (
        partition by code, business_key, node
        order by remoteness, position, condition_since, parent_code, parent_business_key, parent_node
    ) = 1
)

select
    judged.code,
    judged.business_key,
    judged.node,
    judged.verdict,
    judged.severity,
    judged.owner,
    judged.scope_key,
    judged.order_id,
    judged.line_no,
    judged.expected_value,
    judged.actual_value,
    judged.delta_qty,
    judged.value_at_risk_amount,
    judged.currency,
    judged.condition_since,
    judged.breaks_at,
    judged.watermark_at,
    judged.snapshots_seen,
    judged.message,
    judged.target_role,
    judged.correction_class,
    judged.payload,
    judged.precondition,
    judged.judgement_reason,
    judged.rule_version,
    judged.evidence,
    judged.steps_done,
    coalesce(
        parents.parent_code,
        case when judged.verdict = 'UNKNOWN' and judged.untrusted_feed is not null then 'SYS-01' end,
        ''
    ) as parent_code,
    coalesce(
        parents.parent_business_key, case when judged.verdict = 'UNKNOWN' then judged.untrusted_feed end, ''
    ) as parent_business_key,
    coalesce(
        parents.parent_node, case when judged.verdict = 'UNKNOWN' then judged.untrusted_node end, ''
    ) as parent_node
from judged
left join parents
    on judged.code = parents.code
    and judged.business_key = parents.business_key
    and judged.node = parents.node
