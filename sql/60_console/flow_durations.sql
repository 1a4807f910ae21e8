-- grain: one row per measure (DELIVERED in the period, OPEN now) and day of delivery, and one over all days (day null)
with

measured as (
    select
        'DELIVERED' as measure,
        cast(delivered_at as date) as day,
        exclusion = 'CANCELLED' as is_cancelled,
        is_unknown,
        watermark_at,
        (epoch(delivered_at) - epoch(received_at)) / 3600 as hours,
        greatest(epoch(delivered_at) - epoch(received_at) - dwell_seconds, 0) / 3600 as net_hours
    from mart_order_outcomes
    where
        is_delivered
        and delivered_at >= received_at
        and cast(delivered_at as date) >= $since
        and ($site = '' or coalesce(nullif(node, ''), 'NONE') = $site)
    union all
    select
        'OPEN' as measure,
        null as day,
        exclusion = 'CANCELLED' as is_cancelled,
        is_unknown,
        watermark_at,
        (epoch($now_at) - epoch(received_at)) / 3600 as hours,
        null as net_hours
    from mart_order_outcomes
    where not is_delivered and received_at <= $now_at and ($site = '' or coalesce(nullif(node, ''), 'NONE') = $site)
),

known as (
    select
        measure,
        day,
        watermark_at,
        is_cancelled,
        not is_cancelled and is_unknown as is_unknown,
        case when not is_cancelled and not is_unknown then hours end as hours,
        case when not is_cancelled and not is_unknown then net_hours end as net_hours
    from measured
)

select
    measure,
    day,
    grouping(day) as is_total,
    min(watermark_at) as watermark_at,
    count(*) filter (where not is_cancelled) as population_count,
    count(*) filter (where is_unknown) as unknown_count,
    count(*) filter (where is_cancelled) as cancelled_count,
    avg(hours) as mean_hours,
    quantile_cont(hours, 0.5) as p50_hours,
    quantile_cont(hours, 0.9) as p90_hours,
    quantile_cont(hours, 0.95) as p95_hours,
    quantile_cont(net_hours, 0.5) as net_p50_hours
from known
group by grouping sets ((measure), (measure, day))
order by measure, is_total desc, day
