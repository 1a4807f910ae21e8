-- grain: one row per order line in a package, of the orders in $order_ids; only $line_no where it is given
select
    system, role, pack_id, order_id, line_no, node, sku, packed_qty, lot, lot_status, expires_at, packed_at,
    snapshot_id,
    as_of
from canon_packs
where
    order_id in (select unnest(cast($order_ids as varchar[])))
    and ($line_no is null or line_no = $line_no)
order by line_no, pack_id
