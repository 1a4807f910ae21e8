-- grain: one row for the order $order_id, as the ERP has it, else as its channel has it
select channel_order_id, customer_id, ordered_at, requested_at
from (
    select
        case when role = 'erp' then channel_order_id else order_id end as channel_order_id,
        customer_id,
        ordered_at,
        requested_at,
        role,
        system
    from canon_orders
    where order_id = $order_id and role in ('erp', 'channel')
) as known_orders
order by case when role = 'erp' then 0 else 1 end, system
limit 1
