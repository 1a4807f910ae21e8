-- grain: one row per order that $text stands for, and by what: its own number, that of its customer or channel, the
-- customer, an item on it, a shipment or its tracking number, an invoice; at most $most, latest first
with

words as (
    select upper(trim(cast($text as varchar))) as word
),

orders as (
    select order_id, customer_id, channel_order_id, customer_po, ordered_at
    from canon_orders
    where role = 'erp'
),

shipments as (
    select shipment_id, upper(tracking_no) as number
    from canon_transports
    where tracking_no is not null
    union
    select shipment_id, upper(shipment_id) as number
    from canon_shipment_lines
),

found as (
    select orders.order_id, 'order' as found_by
    from orders
    inner join words on upper(orders.order_id) = words.word
    union all
    select orders.order_id, 'order of the customer or channel' as found_by
    from orders
    inner join words on upper(orders.channel_order_id) = words.word or upper(orders.customer_po) = words.word
    union all
    select orders.order_id, 'customer' as found_by
    from orders
    inner join words on upper(orders.customer_id) = words.word
    union all
    select orders.order_id, 'customer' as found_by
    from orders
    inner join canon_customers as customers on orders.customer_id = customers.customer_id
    inner join words on length(words.word) > 2 and contains(upper(customers.customer_name), words.word)
    union all
    select lines.order_id, 'item' as found_by
    from canon_order_lines as lines
    inner join words on upper(lines.sku) = words.word or upper(lines.foreign_sku) = words.word
    where lines.role = 'erp'
    union all
    select legs.order_id, 'shipment or tracking number' as found_by
    from canon_shipment_lines as legs
    inner join shipments on legs.shipment_id = shipments.shipment_id
    inner join words on shipments.number = words.word
    where legs.order_id is not null
    union all
    select bills.order_id, 'invoice' as found_by
    from canon_invoice_lines as bills
    inner join words on upper(bills.invoice_id) = words.word
    where bills.order_id is not null
)

select
    found.order_id,
    min(found.found_by) as found_by
from found
left join orders on found.order_id = orders.order_id
group by found.order_id
order by max(orders.ordered_at) desc nulls last, found.order_id
limit cast($most as bigint)
