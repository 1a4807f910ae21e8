-- rule: SYS-05
-- name: CORRECTION_LOOP
-- title: The same key is corrected automatically again and again, or the correction is undone
-- grain: case that is corrected
-- scope: feed
-- severity: S2
-- owner: Governance
-- tolerance: sys_05_corrections, sys_05_hours
-- leads: named case
-- class: J
-- source: domain book 2.7
-- A loop is so many automatic corrections of one kind within the window, or one whose cure was proved and that had to
-- be made again from the same value to the same value. It ends automation for the case (corrections.loop_guard) until a
-- person lets it go on; what was sent before that no longer counts. The case that is corrected is this one's child.
with

automatic as (
    select
        correction_id, case_id, code, business_key, node, order_id, target, message, payload, precondition,
        value_amount, currency, proposed_at, verified_at, is_switched_off,
        coalesce(sent_at, proposed_at) as corrected_at
    from ops_corrections
    where decided_by = 'policy'
        and (sent_at is not null or is_case_open)
        and (resumed_at is null or coalesce(sent_at, proposed_at) > resumed_at)
),

repetitions as (
    select
        later.case_id,
        later.correction_id,
        later.corrected_at,
        count(*) as correction_count,
        count(*) filter (
            where earlier.correction_id <> later.correction_id
                and earlier.verified_at <= later.proposed_at
                and earlier.payload = later.payload
                and earlier.precondition = later.precondition
        ) as undone_count
    from automatic as later
    inner join automatic as earlier
        on later.case_id = earlier.case_id
        and later.message = earlier.message
        and earlier.corrected_at <= later.corrected_at
        and epoch(later.corrected_at) - epoch(earlier.corrected_at) <= $sys_05_hours * 3600
    group by later.case_id, later.correction_id, later.corrected_at
),

loops as (
    select
        case_id,
        min(corrected_at) as looping_since,
        max(correction_count) as correction_count,
        max(undone_count) as undone_count
    from repetitions
    where correction_count >= $sys_05_corrections or undone_count > 0
    group by case_id
),

corrected_cases as (
    select
        case_id, code, business_key, node,
        max(order_id) as order_id,
        max_by(target, {'corrected_at': corrected_at, 'correction_id': correction_id}) as target,
        max_by(message, {'corrected_at': corrected_at, 'correction_id': correction_id}) as message,
        max_by(value_amount, {'corrected_at': corrected_at, 'correction_id': correction_id}) as value_amount,
        max_by(currency, {'corrected_at': corrected_at, 'correction_id': correction_id}) as currency,
        min(corrected_at) as first_corrected_at,
        count(*) as correction_count,
        bool_or(is_switched_off) as is_switched_off,
        string_agg(correction_id, ', ' order by corrected_at, correction_id) as correction_ids
    from automatic
    group by case_id, code, business_key, node
)

select
    corrected_cases.code || '/' || corrected_cases.business_key as business_key,
    corrected_cases.node,
    corrected_cases.code || '/' || corrected_cases.business_key as scope_key,
    cast(null as varchar) as order_id,
    cast(null as bigint) as line_no,
    'corrected once' as expected_value,
    case
        when loops.undone_count > 0 then 'undone and corrected again'
        when loops.case_id is null then 'switched off'
        else 'corrected again and again'
    end as actual_value,
    cast(null as decimal(18, 4)) as delta_qty,
    corrected_cases.value_amount as value_at_risk_amount,
    corrected_cases.currency,
    coalesce(loops.looping_since, corrected_cases.first_corrected_at) as condition_since,
    coalesce(loops.looping_since, corrected_cases.first_corrected_at) as breaks_at,
    '' as message,
    '' as target_role,
    to_json({'code': corrected_cases.code}) as payload,
    to_json({'code': corrected_cases.code}) as precondition,
    '' as judgement_reason,
    to_json({
        'order_id': corrected_cases.order_id,
        'target': corrected_cases.target,
        'message': corrected_cases.message,
        'corrections': corrected_cases.correction_count,
        'correction_ids': corrected_cases.correction_ids
    }) as evidence
from corrected_cases
left join loops on corrected_cases.case_id = loops.case_id
where loops.case_id is not null or corrected_cases.is_switched_off
