-- grain: one row per system that shows the customer where an order stands, of the orders in $order_ids
select system, role, order_id, shown_status, shown_promise_at, updated_at, snapshot_id, as_of
from canon_order_statuses
where order_id in (select unnest(cast($order_ids as varchar[])))
order by order_id, system
