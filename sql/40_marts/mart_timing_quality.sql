-- grain: one row per exception code and node: how well its timing tells what heals from what does not
-- An alarm is a case; it was false where the difference went by itself, without anything sent for it. A true break was
-- late where it waited longer than the 99th percentile of the lags that heal (rec_lags), as its rule names them.
-- A full run counts, over all cases the ledger knows.
-- refresh: full
with

cases as (
    select
        ops_cases.code,
        ops_cases.node,
        ops_cases.closed_at is not null and not ops_cases.was_acted_on and ops_cases.state = 'AUTO_CLEARED' as is_false,
        epoch(ops_cases.detected_at) - epoch(ops_cases.condition_since) as wait_seconds,
        epoch(ops_cases.closed_at) - epoch(ops_cases.condition_since) as healing_seconds,
        rec_lags.p99_seconds as healing_p99_seconds
    from ops_cases
    left join ref_rules on ops_cases.code = ref_rules.code
    left join rec_lags on ref_rules.lag = rec_lags.pair and ops_cases.node = rec_lags.node
)

select
    code,
    node,
    count(*) as alarm_count,
    count(*) filter (where is_false) as false_alarm_count,
    count(*) filter (where not is_false and wait_seconds > healing_p99_seconds) as late_detection_count,
    cast(round(quantile_cont(wait_seconds, 0.5)) as bigint) as median_wait_seconds,
    cast(round(quantile_cont(case when is_false then healing_seconds end, 0.5)) as bigint) as median_healing_seconds,
    max(healing_p99_seconds) as healing_p99_seconds
from cases
group by code, node
