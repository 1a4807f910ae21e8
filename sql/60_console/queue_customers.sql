-- grain: one row per order of $order_ids whose customer is known
select
    orders.order_id,
    min(orders.customer_id) as customer_id,
    min(customers.customer_name) as customer_name
from canon_orders as orders
left join canon_customers as customers on orders.customer_id = customers.customer_id
where
    orders.role = 'erp'
    and orders.customer_id is not null
    and orders.order_id in (select unnest(cast($order_ids as varchar[])))
group by orders.order_id
