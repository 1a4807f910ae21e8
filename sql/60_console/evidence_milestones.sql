-- grain: one row per milestone of a whole order as one system tells it, of the orders in $order_ids
select system, role, order_id, milestone, occurred_at, snapshot_id, as_of
from canon_milestones
where order_id in (select unnest(cast($order_ids as varchar[])))
order by order_id, occurred_at, milestone
