-- rule: SYS-03
-- name: WRITEBACK_UNVERIFIED
-- title: A correction was delivered, or should have been, and its effect is not to be seen
-- grain: case that was corrected
-- scope: feed
-- severity: S2
-- owner: Integration
-- tolerance: sys_03_snapshots, sys_03_outcome_minutes
-- leads: named case
-- class: R
-- source: domain book 2.7
-- Acknowledged, and the difference still stands in later snapshots; sent, and nobody knows what came of it; or given
-- up after the last attempt. What only guards or notifies leaves the difference standing by its nature: it counts where
-- its rule says by `steps` that it would see the effect. Only the last correction of a case counts: an earlier one has
-- been replaced. The case that it should have cured is the child of this one.
with

seen_steps as (
    select distinct code, unnest(string_split(steps_done, ',')) as message
    from ref_rule_steps
    where steps_done <> ''
),

last_corrections as (
    select
        correction_id, code, business_key, node, order_id, target, message, correction_class, state, value_amount,
        currency, proposed_at, sent_at, acked_at, unproved_watermarks, attempts, read_backs, last_error
    from ops_corrections
    where is_case_open
    qualify row_number() over (partition by case_id order by proposed_at desc, correction_id desc) = 1
),

unverified as (
    select
        last_corrections.correction_id, last_corrections.code, last_corrections.business_key, last_corrections.node,
        last_corrections.order_id, last_corrections.target, last_corrections.message, last_corrections.state,
        last_corrections.value_amount, last_corrections.currency, last_corrections.attempts,
        last_corrections.read_backs, last_corrections.last_error, last_corrections.unproved_watermarks,
        coalesce(last_corrections.acked_at, last_corrections.sent_at, last_corrections.proposed_at) as condition_since,
        case when last_corrections.state = 'UNKNOWN_OUTCOME' then $sys_03_outcome_minutes * 60 else 0 end
            as grace_seconds
    from last_corrections
    left join seen_steps
        on last_corrections.code = seen_steps.code and last_corrections.message = seen_steps.message
    where
        (
            last_corrections.state = 'ACKED'
            and last_corrections.unproved_watermarks >= $sys_03_snapshots
            and (last_corrections.correction_class not in ('G', 'N') or seen_steps.code is not null)
        )
        or last_corrections.state in ('UNKNOWN_OUTCOME', 'DEAD_LETTER')
)

select
    code || '/' || business_key as business_key,
    node,
    code || '/' || business_key as scope_key,
    cast(null as varchar) as order_id,
    cast(null as bigint) as line_no,
    'VERIFIED' as expected_value,
    state as actual_value,
    cast(null as decimal(18, 4)) as delta_qty,
    value_amount as value_at_risk_amount,
    currency,
    condition_since,
    to_timestamp(epoch(condition_since) + grace_seconds) as breaks_at,
    '' as message,
    '' as target_role,
    to_json({'correction_id': correction_id}) as payload,
    to_json({'state': state}) as precondition,
    '' as judgement_reason,
    to_json({
        'correction_id': correction_id,
        'order_id': order_id,
        'target': target,
        'message': message,
        'unproved_watermarks': unproved_watermarks,
        'attempts': attempts,
        'read_backs': read_backs,
        'last_error': last_error
    }) as evidence
from unverified
