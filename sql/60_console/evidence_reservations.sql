-- grain: one row per reservation at a site for the orders in $order_ids (only $line_no where it is given), or of item
-- $sku at $node
select system, role, reservation_id, node, sku, reserved_qty, order_id, line_no, reserved_at, snapshot_id, as_of
from canon_reservations
where
    (
        order_id in (select unnest(cast($order_ids as varchar[])))
        and ($line_no is null or line_no = $line_no)
    )
    or (sku = $sku and node = $node)
order by reserved_at, reservation_id
