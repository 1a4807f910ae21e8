-- grain: one row per invoice or credit line whose reference to an order line is missing or wrong
-- A reference is exact when the ERP knows the order line and the document's customer and item do not contradict it.
-- `order_reference` is the spelling without case, separators and letters that are taken for digits.
with

finance_lines as (
    select
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
        as_of
    from canon_invoice_lines
    where role = 'finance' and status <> 'VOID'
),

named_orders as (
    select distinct order_id
    from finance_lines
    where order_id is not null
),

known_lines as (
    select
        lines.order_id,
        lines.line_no,
        lines.sku,
        lines.substitute_sku,
        orders.customer_id
    from canon_order_lines as lines
    left join (
        select order_id, customer_id
        from canon_orders
        where role = 'erp' and order_id in (select order_id from named_orders)
    ) as orders on lines.order_id = orders.order_id
    where lines.role = 'erp' and lines.order_id in (select order_id from named_orders)
)

select
    finance_lines.system || '/' || finance_lines.source_key as line_key,
    finance_lines.system,
    finance_lines.role,
    finance_lines.source_key,
    finance_lines.invoice_id,
    finance_lines.invoice_line_no,
    finance_lines.document_type,
    finance_lines.order_id,
    finance_lines.line_no,
    finance_lines.shipment_id,
    finance_lines.customer_id,
    finance_lines.sku,
    finance_lines.invoiced_qty,
    finance_lines.unit_price,
    finance_lines.line_amount,
    finance_lines.currency,
    finance_lines.status,
    finance_lines.posted_at,
    finance_lines.snapshot_id,
    finance_lines.as_of,
    translate(upper(finance_lines.order_id), 'OIL-_/. ', '011') as order_reference
from finance_lines
left join known_lines
    on finance_lines.order_id = known_lines.order_id and finance_lines.line_no = known_lines.line_no
where
    known_lines.order_id is null
    or coalesce(finance_lines.customer_id <> known_lines.customer_id, false)
    or (
        coalesce(finance_lines.sku <> known_lines.sku, false)
        and finance_lines.sku is distinct from known_lines.substitute_sku
    )
