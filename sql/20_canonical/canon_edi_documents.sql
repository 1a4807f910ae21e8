-- grain: one row per X12 transaction set exchanged with a partner
-- key: system, source_key
select
    system,
    role,
    source_key,
    document_id,
    partner_id,
    document_type,
    direction,
    control_no,
    order_id,
    shipment_id,
    invoice_id,
    sent_at,
    acked_at,
    ack_status,
    snapshot_id,
    as_of
from feed_edi_documents
