-- grain: one row per release of an order line in one system, of the orders in $order_ids; only $line_no where given
select
    system, role, release_id, order_id, line_no, node, sku, released_qty, picked_qty, pick_status, released_at,
    acked_at,
    picked_at, packed_at, snapshot_id, as_of
from canon_releases
where
    order_id in (select unnest(cast($order_ids as varchar[])))
    and ($line_no is null or line_no = $line_no)
order by line_no, release_id, role, system
