-- grain: one row per order line on a shipment leg in one system, of the orders in $order_ids (only $line_no where it is
-- given), or on the legs in $shipment_ids
select
    system, role, shipment_id, order_id, line_no, node, sku, shipped_qty, shipped_at, confirmed_at, snapshot_id, as_of
from canon_shipment_lines
where
    (
        order_id in (select unnest(cast($order_ids as varchar[])))
        and ($line_no is null or line_no = $line_no)
    )
    or shipment_id in (select unnest(cast($shipment_ids as varchar[])))
order by shipment_id, line_no, role desc, system
