-- grain: one row per charge of a whole order, of the orders in $order_ids
select system, role, charge_id, order_id, charged_amount, currency, snapshot_id, as_of
from canon_charges
where order_id in (select unnest(cast($order_ids as varchar[])))
order by order_id, charge_id
