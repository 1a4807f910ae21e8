-- grain: one row per invoice or credit line and per order line and leg that it bills
-- What finance billed, by the order line it was billed for. A document whose references are exact stands as it is
-- ('exact'); of the others, `rec_document_matches` says what they bill. The rows of one document line add up to it. A
-- line that matches nothing keeps what it spells: `order_id` is null where it names none.
-- scope: order
-- after: rec_document_matches
with

exact_lines as (
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
    left join rec_document_matches as matches
        on lines.system = matches.system and lines.source_key = matches.source_key
    where matches.source_key is null
)

select
    coalesce(order_id, '') as scope_key,
    system,
    role,
    source_key,
    invoice_id,
    invoice_line_no,
    document_type,
    order_id,
    line_no,
    shipment_id,
    customer_id,
    sku,
    invoiced_qty,
    unit_price,
    line_amount,
    currency,
    status,
    posted_at,
    snapshot_id,
    as_of,
    'exact' as match_label,
    cast(1 as decimal(5, 4)) as match_score
from exact_lines
union all
select
    scope_key,
    system,
    role,
    source_key,
    invoice_id,
    invoice_line_no,
    document_type,
    order_id,
    line_no,
    shipment_id,
    customer_id,
    sku,
    billed_qty as invoiced_qty,
    unit_price,
    line_amount,
    currency,
    status,
    posted_at,
    snapshot_id,
    as_of,
    match_label,
    match_score
from rec_document_matches
