-- grain: one row per value of an attribute, and how many order lines have it, wrong or not
with

lines as (
    select ledger.node, ledger.sku, orders.customer_id
    from rec_quantity_ledger as ledger
    left join canon_orders as orders on orders.role = 'erp' and ledger.order_id = orders.order_id
)

select 'node' as attribute, node as value, count(*) as line_count
from lines
where node <> ''
group by node
union all
select 'sku' as attribute, sku as value, count(*) as line_count
from lines
where sku is not null
group by sku
union all
select 'customer' as attribute, customer_id as value, count(*) as line_count
from lines
where customer_id is not null
group by customer_id
union all
select 'carrier' as attribute, carrier_id as value, count(*) as line_count
from canon_transports
group by carrier_id
order by attribute, value
