-- grain: one row per stage of the order, site, owner and currency where an order stalls, those worth most first
select
    order_stage as stage,
    node,
    owner,
    currency,
    count(distinct order_id) as order_count,
    count(*) as line_count,
    cast(sum(open_amount) as decimal(18, 2)) as open_amount,
    min(received_at) as oldest_received_at
from mart_open_lines
where is_stalled and ($site = '' or coalesce(nullif(node, ''), 'NONE') = $site) and ($owner = '' or owner = $owner)
group by order_stage, node, owner, currency
order by open_amount desc, stage, node, owner
