-- grain: one row per order with open lines of what is asked for, those received first first; totals over all of them
with

lines as (
    select
        order_id,
        node,
        owner,
        code,
        order_stage,
        age_bucket,
        is_stalled,
        verdict,
        bool_or(is_stalled) over (partition by order_id) as order_stalls,
        bool_or(verdict = 'UNKNOWN') over (partition by order_id) as order_is_unknown,
        customer_id,
        received_at,
        due_at,
        open_qty,
        open_amount,
        currency
    from mart_open_lines
    where ($site = '' or coalesce(nullif(node, ''), 'NONE') = $site) and ($owner = '' or owner = $owner)
),

chosen as (
    select
        order_id,
        node,
        owner,
        code,
        order_stage,
        verdict,
        customer_id,
        received_at,
        due_at,
        open_qty,
        open_amount,
        currency
    from lines
    where
        ($stage = '' or order_stage = $stage)
        and ($currency = '' or currency = $currency)
        and (
            $bucket = ''
            or age_bucket = $bucket
            or ($bucket = 'OPEN' and age_bucket <> 'DELIVERED')
            or ($bucket = 'OVERDUE' and age_bucket not in ('DELIVERED', 'NOT_DUE', 'NO_PROMISE'))
        )
        and (
            $result = ''
            or ($result = 'stalled' and is_stalled)
            or ($result = 'unknown' and order_is_unknown and not order_stalls)
            or ($result = 'known_lines' and verdict <> 'UNKNOWN')
            or ($result = 'unknown_lines' and verdict = 'UNKNOWN')
        )
),

customers as (
    select customer_id, min(customer_name) as customer_name
    from canon_customers
    where role = 'erp'
    group by customer_id
),

orders as (
    select
        order_id,
        min(order_stage) as stage,
        string_agg(distinct node, ', ' order by node) as node,
        string_agg(distinct owner, ', ' order by owner) as owner,
        string_agg(distinct nullif(code, ''), ', ' order by nullif(code, '')) as codes,
        min(customer_id) as customer_id,
        min(received_at) as received_at,
        min(due_at) as due_at,
        bool_or(verdict = 'UNKNOWN') as is_unknown,
        count(*) as line_count,
        cast(sum(open_qty) as decimal(18, 4)) as open_qty,
        cast(sum(open_amount) as decimal(18, 2)) as open_amount,
        currency
    from chosen
    group by order_id, currency
)

select
    orders.order_id,
    orders.stage,
    orders.node,
    orders.owner,
    coalesce(orders.codes, '') as codes,
    orders.customer_id,
    customers.customer_name,
    orders.received_at,
    orders.due_at,
    orders.is_unknown,
    orders.line_count,
    orders.open_qty,
    orders.open_amount,
    orders.currency,
    count(*) over () as row_count,
    (select count(distinct chosen.order_id) from chosen) as total_orders,
    cast(sum(orders.line_count) over () as bigint) as total_lines,
    cast(sum(orders.open_qty) over () as decimal(18, 4)) as total_qty,
    cast(sum(orders.open_amount) over (partition by orders.currency) as decimal(18, 2)) as total_amount
from orders
left join customers on orders.customer_id = customers.customer_id
order by orders.received_at, orders.order_id, orders.currency
limit $page_size offset $first_row
