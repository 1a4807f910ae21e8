-- grain: one row per returned order line, of the orders in $order_ids; only $line_no where it is given
select
    system, role, return_id, order_id, line_no, shipment_id, node, sku, returned_qty, condition, received_at,
    snapshot_id,
    as_of
from canon_returns
where
    order_id in (select unnest(cast($order_ids as varchar[])))
    and ($line_no is null or line_no = $line_no)
order by line_no, return_id
