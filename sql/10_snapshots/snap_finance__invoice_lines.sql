-- snapshot: finance/invoice_lines
-- grain: one row per line of an invoice or credit memo
select
    landed_row_no,
    invoice_no as invoice_id,
    line_seq as invoice_line_no,
    document_type,
    customer_no as customer_id,
    order_no as order_id,
    line_no,
    item as sku,
    shipment_no as shipment_id,
    unit as uom,
    qty as invoiced_qty,
    unit_price,
    amount as line_amount,
    currency,
    status,
    posted_at
from landed
