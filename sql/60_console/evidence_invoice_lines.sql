-- grain: one row per document line that bills or credits the orders in $order_ids; only $line_no where it is given
select
    system, role, invoice_id, invoice_line_no, document_type, order_id, line_no, shipment_id, customer_id, sku,
    invoiced_qty, unit_price, line_amount, currency, status, posted_at, match_label, snapshot_id, as_of
from rec_billed_lines
where
    order_id in (select unnest(cast($order_ids as varchar[])))
    and ($line_no is null or line_no is null or line_no = $line_no)
order by line_no, invoice_id, invoice_line_no
