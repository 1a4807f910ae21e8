-- grain: one row per stage of an order and currency, one per stage (currency null), and one over all stages
-- An order that is seen to stall is known, whatever else of it is not.
with

chosen as (
    select
        order_id,
        order_stage,
        is_stalled,
        bool_or(is_stalled) over (partition by order_id) as order_stalls,
        bool_or(verdict = 'UNKNOWN') over (partition by order_id) as order_is_unknown,
        open_amount,
        currency,
        received_at,
        watermark_at
    from mart_open_lines
    where ($site = '' or coalesce(nullif(node, ''), 'NONE') = $site) and ($owner = '' or owner = $owner)
)

select
    order_stage as stage,
    currency,
    grouping(order_stage) as is_total,
    count(distinct order_id) as order_count,
    count(distinct order_id) filter (where is_stalled) as stalled_count,
    count(distinct order_id) filter (where order_is_unknown and not order_stalls) as unknown_count,
    count(*) as line_count,
    cast(sum(open_amount) as decimal(18, 2)) as open_amount,
    cast(coalesce(sum(open_amount) filter (where is_stalled), 0) as decimal(18, 2)) as stalled_amount,
    min(received_at) as oldest_received_at,
    min(watermark_at) as watermark_at
from chosen
group by grouping sets ((order_stage, currency), (order_stage), ())
