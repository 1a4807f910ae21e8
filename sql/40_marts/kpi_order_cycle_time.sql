-- grain: one row per site and day of delivery (measure DELIVERED), and one per site of what is open (measure OPEN)
-- kpi: order_cycle_time
-- formula: delivered - received per order: mean, and 50th, 90th, 95th percentile
-- source: SCOR RS.1.1; orwiki RS12 for the dwell that the customer asked for
-- Percentiles of what is delivered leave out what takes longest, so the age of open orders stands beside them: there,
-- the day is the present one. Net is without the time until the customer's date let the order be released; clean
-- begins when the last hold was lifted.
-- refresh: full
with

measured as (
    select
        'DELIVERED' as measure,
        node,
        cast(delivered_at as date) as day,
        exclusion,
        is_unknown,
        watermark_at,
        epoch(delivered_at) - epoch(received_at) as cycle_seconds,
        greatest(epoch(delivered_at) - epoch(received_at) - dwell_seconds, 0) as net_seconds,
        greatest(epoch(delivered_at) - epoch(clean_at), 0) as clean_seconds
    from mart_order_outcomes
    where is_delivered and delivered_at >= received_at
    union all
    select
        'OPEN' as measure,
        node,
        cast($now_at as date) as day,
        exclusion,
        is_unknown,
        watermark_at,
        epoch($now_at) - epoch(received_at) as cycle_seconds,
        cast(null as double) as net_seconds,
        cast(null as double) as clean_seconds
    from mart_order_outcomes
    where not is_delivered and received_at <= $now_at
),

known as (
    select
        measure,
        node,
        day,
        watermark_at,
        exclusion,
        exclusion <> 'CANCELLED' as is_counted,
        exclusion <> 'CANCELLED' and not is_unknown as is_known,
        case when exclusion <> 'CANCELLED' and not is_unknown then cycle_seconds end as cycle_seconds,
        case when exclusion <> 'CANCELLED' and not is_unknown then net_seconds end as net_seconds,
        case when exclusion <> 'CANCELLED' and not is_unknown then clean_seconds end as clean_seconds
    from measured
)

select
    1 as definition_version,
    min(watermark_at) as watermark_at,
    measure,
    node,
    day,
    count(*) filter (where is_counted) as population_count,
    count(*) filter (where is_counted and not is_known) as unknown_count,
    count(*) filter (where is_known) as known_count,
    count(*) filter (where exclusion = 'CANCELLED') as cancelled_count,
    cast(
        floor(
            cast(count(*) filter (where is_known) as double) / nullif(count(*) filter (where is_counted), 0)
            * 1000000 + 0.5
        ) / 1000000 as decimal(9, 6)
    ) as coverage,
    cast(round(avg(cycle_seconds)) as bigint) as mean_seconds,
    cast(round(quantile_cont(cycle_seconds, 0.5)) as bigint) as p50_seconds,
    cast(round(quantile_cont(cycle_seconds, 0.9)) as bigint) as p90_seconds,
    cast(round(quantile_cont(cycle_seconds, 0.95)) as bigint) as p95_seconds,
    cast(round(quantile_cont(net_seconds, 0.5)) as bigint) as net_p50_seconds,
    cast(round(quantile_cont(clean_seconds, 0.5)) as bigint) as clean_p50_seconds
from known
group by measure, node, day
