-- grain: one row per document exchanged with a trading partner about the orders in $order_ids or the legs in
-- $shipment_ids
select
    system, role, document_id, partner_id, document_type, direction, control_no, order_id, shipment_id, invoice_id,
    sent_at, acked_at, ack_status, snapshot_id, as_of
from canon_edi_documents
where
    order_id in (select unnest(cast($order_ids as varchar[])))
    or shipment_id in (select unnest(cast($shipment_ids as varchar[])))
    or document_id in (select unnest(cast($references as varchar[])))
order by sent_at, document_id
