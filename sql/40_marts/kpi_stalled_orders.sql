-- grain: one row per stage of the order, site, owner and currency of lines on which something is still to be done
-- kpi: stalled_orders
-- formula: orders of which a line stands under a difference or past its promise, of all that are open
-- source: domain book PIN-R12, PIN-R13
-- An order with lines of several sites, owners or currencies is counted in each row; over stages, orders add up.
-- refresh: full
select
    1 as definition_version,
    min(watermark_at) as watermark_at,
    order_stage as stage,
    node,
    owner,
    currency,
    count(distinct order_id) as population_count,
    count(distinct case when verdict = 'UNKNOWN' then order_id end) as unknown_count,
    0 as excluded_count,
    cast(
        floor(
            (1 - cast(count(distinct case when verdict = 'UNKNOWN' then order_id end) as double)
            / count(distinct order_id)) * 1000000 + 0.5
        ) / 1000000 as decimal(9, 6)
    ) as coverage,
    count(distinct case when is_stalled then order_id end) as stalled_count,
    count(*) as line_count,
    cast(sum(case when is_stalled then 1 else 0 end) as bigint) as stalled_line_count,
    cast(sum(open_amount) as decimal(18, 2)) as open_amount,
    cast(sum(case when is_stalled then open_amount else 0 end) as decimal(18, 2)) as stalled_amount,
    min(received_at) as oldest_received_at,
    min(case when is_stalled then received_at end) as oldest_stalled_received_at
from mart_open_lines
group by order_stage, node, owner, currency
