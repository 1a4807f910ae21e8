-- grain: one row per invoice line of match_wanted, as canon_invoice_lines has it
select
    lines.system,
    lines.role,
    lines.source_key,
    lines.invoice_id,
    lines.invoice_line_no,
    lines.document_type,
    lines.order_id,
    lines.line_no,
    lines.shipment_id,
    lines.customer_id,
    lines.sku,
    lines.invoiced_qty,
    lines.unit_price,
    lines.line_amount,
    lines.currency,
    lines.status,
    lines.posted_at,
    lines.snapshot_id,
    lines.as_of
from canon_invoice_lines as lines
inner join match_wanted on lines.system = match_wanted.system and lines.source_key = match_wanted.source_key
