-- grain: one row per order line that a carrier delivered, of the orders in $order_ids (only $line_no where it is
-- given),
-- or of the legs in $shipment_ids
select
    system, role, shipment_id, order_id, line_no, sku, delivered_qty, damaged_qty, delivered_at, snapshot_id, as_of
from canon_delivery_lines
where
    (
        order_id in (select unnest(cast($order_ids as varchar[])))
        and ($line_no is null or line_no = $line_no)
    )
    or shipment_id in (select unnest(cast($shipment_ids as varchar[])))
order by shipment_id, line_no
