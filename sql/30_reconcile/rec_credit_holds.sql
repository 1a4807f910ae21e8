-- grain: one row per order of a customer on which a credit hold is open, in finance or in the ERP
-- scope: order
-- always: customer_id
select distinct
    orders.order_id as scope_key,
    orders.customer_id,
    orders.order_id
from canon_holds as holds
inner join canon_orders as orders on orders.role = 'erp' and holds.order_id = orders.order_id
where
    holds.role in ('finance', 'erp')
    and holds.hold_type = 'CREDIT'
    and holds.status = 'CREATED'
    and orders.customer_id is not null
