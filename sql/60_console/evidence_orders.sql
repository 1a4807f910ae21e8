-- grain: one row per order in one system, of the orders in $order_ids as the ERP or a channel numbers them
with

own_orders as (
    select
        system, role, order_id, channel, channel_order_id, customer_id, customer_po, ship_to_id, payment_terms,
        priority,
        revision_no, status, currency, ordered_at, requested_at, snapshot_id, as_of
    from canon_orders
)

select
    system, role, order_id, channel, channel_order_id, customer_id, customer_po, ship_to_id, payment_terms, priority,
    revision_no, status, currency, ordered_at, requested_at, snapshot_id, as_of
from own_orders
where
    order_id in (select unnest(cast($order_ids as varchar[])))
    or channel_order_id in (select unnest(cast($order_ids as varchar[])))
    or (
        role = 'channel'
        and order_id in (
            select channel_order_id from own_orders where order_id in (select unnest(cast($order_ids as varchar[])))
        )
    )
order by role desc, system, order_id
