-- grain: one row per hold in one system, of the orders in $order_ids
select system, role, hold_id, order_id, node, hold_type, status, placed_by, placed_at, resolved_at, snapshot_id, as_of
from canon_holds
where order_id in (select unnest(cast($order_ids as varchar[])))
order by placed_at, hold_id, role, system
