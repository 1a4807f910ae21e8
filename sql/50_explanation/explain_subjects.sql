-- grain: one row per way in which $id names an order: as the ERP or a channel numbers it, by a leg or by a document
-- `order_id` is the number by which ledger and findings know the order: the ERP's, or the channel's where it has none.
with

erp_orders as (
    select order_id, channel_order_id
    from canon_orders
    where role = 'erp'
),

channel_orders as (
    select channel.order_id as channel_order_id, coalesce(erp_orders.order_id, channel.order_id) as order_id
    from canon_orders as channel
    left join erp_orders on channel.order_id = erp_orders.channel_order_id
    where channel.role = 'channel' and channel.order_id = $id
)

select 'order' as kind, order_id, cast(null as bigint) as line_no
from erp_orders
where order_id = $id
union
select 'channel order' as kind, order_id, cast(null as bigint) as line_no
from channel_orders
union
select 'channel order' as kind, order_id, cast(null as bigint) as line_no
from erp_orders
where channel_order_id = $id
union
select 'shipment' as kind, order_id, line_no
from canon_shipment_lines
where shipment_id = $id
union
select 'invoice' as kind, coalesce(order_id, '') as order_id, line_no
from rec_billed_lines
where invoice_id = $id
union
select 'order' as kind, order_id, cast(null as bigint) as line_no
from canon_order_lines
where role <> 'channel' and order_id = $id
