-- grain: one row: the orders delivered in the period on which nothing is left to do; what is done belongs to no team
select count(*) as order_count
from mart_order_outcomes as orders
anti join mart_open_lines as open_lines on orders.order_id = open_lines.order_id
where
    orders.is_delivered
    and orders.exclusion <> 'CANCELLED'
    and cast(orders.delivered_at as date) >= $since
    and ($site = '' or coalesce(nullif(orders.node, ''), 'NONE') = $site)
    and $owner = ''
