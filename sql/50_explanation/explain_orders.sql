-- grain: one row per order in one system, of the orders named by $order_ids in the ERP or a channel
with

own_orders as (
    select
        system, role, order_id, channel, channel_order_id, customer_id, customer_po, status, ordered_at, snapshot_id
    from canon_orders
    where order_id in (select unnest(cast($order_ids as varchar[])))
),

channel_orders as (
    select
        channel.system, channel.role, channel.order_id, channel.channel, channel.channel_order_id,
        channel.customer_id, channel.customer_po, channel.status, channel.ordered_at, channel.snapshot_id
    from canon_orders as channel
    where channel.role = 'channel' and channel.order_id in (select channel_order_id from own_orders)
)

select
    system, role, order_id, channel, channel_order_id, customer_id, customer_po, status, ordered_at, snapshot_id
from own_orders
union
select
    system, role, order_id, channel, channel_order_id, customer_id, customer_po, status, ordered_at, snapshot_id
from channel_orders
order by role desc, system, order_id
