-- grain: one row per order line in one system, of the orders in $order_ids; only $line_no where it is given
select
    system, role, order_id, line_no, sku, foreign_sku, substitute_sku, ordered_qty, cancelled_qty, allocated_qty,
    unit_price, freight_amount, currency, node, release_due_at, promised_at, snapshot_id, as_of
from canon_order_lines
where
    order_id in (select unnest(cast($order_ids as varchar[])))
    and ($line_no is null or line_no = $line_no)
order by line_no, role desc, system
