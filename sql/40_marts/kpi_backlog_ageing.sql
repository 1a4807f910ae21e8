-- grain: one row per site, stage, owner, age bucket and currency of the lines that are not delivered
-- kpi: backlog_ageing
-- formula: open lines, units and value by how long their promise is over
-- source: domain book 3
-- The buckets are whole days past the promise: 0 to 1, 2 to 3, 4 to 7, 8 to 14, more than 14; or not due; or without a
-- promise. An order with lines in several rows is counted in each: lines, units and value add up, orders do not.
-- refresh: full
select
    1 as definition_version,
    min(watermark_at) as watermark_at,
    node,
    stage,
    owner,
    age_bucket,
    currency,
    count(*) as population_count,
    count(*) filter (where verdict = 'UNKNOWN') as unknown_count,
    count(*) filter (where verdict <> 'UNKNOWN') as known_count,
    0 as excluded_count,
    cast(
        floor(cast(count(*) filter (where verdict <> 'UNKNOWN') as double) / count(*) * 1000000 + 0.5) / 1000000
        as decimal(9, 6)
    ) as coverage,
    count(distinct order_id) as order_count,
    count(*) as line_count,
    cast(sum(open_qty) as decimal(18, 4)) as open_qty,
    cast(sum(open_amount) as decimal(18, 2)) as open_amount,
    min(due_at) as oldest_due_at
from mart_open_lines
where age_bucket <> 'DELIVERED'
group by node, stage, owner, age_bucket, currency
