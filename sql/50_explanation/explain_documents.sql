-- grain: one row per document line without an exact reference that bills the orders in $order_ids, is the document $id,
-- or matches nothing though it speaks of a customer and item of these orders
with

own_items as (
    select distinct orders.customer_id, lines.sku
    from canon_order_lines as lines
    inner join canon_orders as orders on orders.role = 'erp' and lines.order_id = orders.order_id
    where lines.role = 'erp' and lines.order_id in (select unnest(cast($order_ids as varchar[])))
)

select
    matches.system,
    matches.invoice_id,
    matches.invoice_line_no,
    matches.document_type,
    matches.spelled_order_id,
    matches.order_id,
    matches.line_no,
    matches.shipment_id,
    matches.customer_id,
    matches.sku,
    matches.billed_qty,
    matches.matched_qty,
    coalesce(matches.posted_at, matches.as_of) as billed_at,
    matches.posted_at is not null as is_posted,
    matches.match_label,
    matches.match_score,
    matches.match_reason,
    matches.snapshot_id
from rec_document_matches as matches
left join own_items on matches.customer_id = own_items.customer_id and matches.sku = own_items.sku
where
    matches.invoice_id = $id
    or matches.order_id in (select unnest(cast($order_ids as varchar[])))
    or (matches.match_label = 'unmatched' and own_items.sku is not null)
order by matches.invoice_id, matches.invoice_line_no, matches.system, matches.share_no
