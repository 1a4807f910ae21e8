-- grain: one row per order of $order_ids: whose it is and how far it is
with

headers as (
    select
        order_id,
        min(customer_id) as customer_id,
        min(customer_po) as customer_po,
        min(ordered_at) as ordered_at,
        max(priority) as priority
    from canon_orders
    where order_id in (select unnest(cast($order_ids as varchar[])))
    group by order_id
),

states as (
    select order_id, min(order_state) as order_state, bool_or(is_on_hold) as is_on_hold
    from rec_line_states
    where order_id in (select unnest(cast($order_ids as varchar[])))
    group by order_id
),

customers as (
    select customer_id, max(customer_name) as customer_name
    from canon_customers
    group by customer_id
)

select
    headers.order_id,
    headers.customer_id,
    coalesce(customers.customer_name, '') as customer_name,
    headers.customer_po,
    headers.ordered_at,
    headers.priority,
    coalesce(states.order_state, '') as order_state,
    coalesce(states.is_on_hold, false) as is_on_hold
from headers
left join states on headers.order_id = states.order_id
left join customers on headers.customer_id = customers.customer_id
