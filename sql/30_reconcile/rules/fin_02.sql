-- rule: FIN-02
-- name: BILLED_QTY_MISMATCH
-- title: Billed another quantity than was shipped
-- grain: order line
-- scope: order
-- severity: S2
-- owner: Billing
-- feeds: wms.shipment_lines, erp.shipment_lines, finance.invoice_lines
-- correction: invoice.amend -> finance, credit.propose -> finance
-- class: P
-- explains: billed
-- source: domain book 2.7: only legs that have an invoice, credits netted; a leg without one is FIN-01
-- An invoice that names no leg bills all legs of its line. No message can bill more of a leg that is billed already.
with

agreed_legs as (
    select
        departed.shipment_id,
        departed.order_id,
        departed.line_no,
        departed.node,
        departed.shipped_qty,
        departed.snapshot_id
    from canon_shipment_lines as departed
    inner join canon_shipment_lines as confirmed
        on departed.shipment_id = confirmed.shipment_id
        and departed.order_id = confirmed.order_id
        and departed.line_no = confirmed.line_no
    where departed.role = 'wms' and confirmed.role = 'erp' and departed.shipped_qty = confirmed.shipped_qty
),

documents as (
    select
        order_id,
        line_no,
        shipment_id,
        invoice_id,
        invoice_line_no,
        document_type,
        status,
        posted_at,
        unit_price,
        currency,
        snapshot_id,
        case when document_type = 'INVOICE' then invoiced_qty else -invoiced_qty end as billed_qty
    from canon_invoice_lines
    where role = 'finance' and status <> 'VOID'
),

invoiced_legs as (
    select
        agreed_legs.order_id,
        agreed_legs.line_no,
        min(agreed_legs.node) as node,
        sum(agreed_legs.shipped_qty) as shipped_qty,
        max(agreed_legs.snapshot_id) as snapshot_id
    from agreed_legs
    where exists (
        select 1
        from documents
        where
            documents.document_type = 'INVOICE'
            and documents.order_id = agreed_legs.order_id
            and documents.line_no = agreed_legs.line_no
            and (documents.shipment_id is null or documents.shipment_id = agreed_legs.shipment_id)
    )
    group by agreed_legs.order_id, agreed_legs.line_no
),

billed_lines as (
    select
        documents.order_id,
        documents.line_no,
        sum(documents.billed_qty) as billed_qty,
        count(*) as document_count,
        count(*) filter (where documents.status <> 'DRAFT') as posted_count,
        max(documents.invoice_id) filter (where documents.document_type = 'INVOICE') as last_invoice_id,
        max_by(documents.invoice_line_no, documents.invoice_id)
            filter (where documents.document_type = 'INVOICE') as last_invoice_line_no,
        max_by(documents.status, documents.invoice_id)
            filter (where documents.document_type = 'INVOICE') as last_status,
        max_by(documents.billed_qty, documents.invoice_id)
            filter (where documents.document_type = 'INVOICE') as last_billed_qty,
        max(documents.unit_price) as unit_price,
        max(documents.currency) as currency,
        max(documents.posted_at) as posted_at,
        max(documents.snapshot_id) as snapshot_id
    from documents
    where exists (
        select 1
        from agreed_legs
        where
            agreed_legs.order_id = documents.order_id
            and agreed_legs.line_no = documents.line_no
            and (documents.shipment_id is null or agreed_legs.shipment_id = documents.shipment_id)
    )
    group by documents.order_id, documents.line_no
),

mismatched_lines as (
    select
        invoiced_legs.order_id,
        invoiced_legs.line_no,
        invoiced_legs.node,
        cast(invoiced_legs.shipped_qty as decimal(18, 4)) as shipped_qty,
        cast(billed_lines.billed_qty as decimal(18, 4)) as billed_qty,
        billed_lines.document_count,
        billed_lines.posted_count,
        billed_lines.last_invoice_id,
        billed_lines.last_invoice_line_no,
        billed_lines.last_status,
        billed_lines.last_billed_qty,
        billed_lines.unit_price,
        billed_lines.currency,
        billed_lines.posted_at,
        invoiced_legs.snapshot_id as shipped_snapshot_id,
        billed_lines.snapshot_id as billed_snapshot_id
    from invoiced_legs
    inner join billed_lines
        on invoiced_legs.order_id = billed_lines.order_id and invoiced_legs.line_no = billed_lines.line_no
    where invoiced_legs.shipped_qty <> billed_lines.billed_qty
)

select
    order_id || '/' || line_no as business_key,
    node,
    order_id as scope_key,
    order_id,
    line_no,
    cast(shipped_qty as varchar) as expected_value,
    cast(billed_qty as varchar) as actual_value,
    cast(shipped_qty - billed_qty as decimal(18, 4)) as delta_qty,
    cast(abs(shipped_qty - billed_qty) * unit_price as decimal(18, 2)) as value_at_risk_amount,
    currency,
    posted_at as condition_since,
    posted_at as breaks_at,
    case
        when posted_count = 0 and document_count = 1 then 'invoice.amend'
        when billed_qty > shipped_qty then 'credit.propose'
        else ''
    end as message,
    case
        when posted_count = 0 and document_count = 1 then 'finance'
        when billed_qty > shipped_qty then 'finance'
        else ''
    end as target_role,
    to_json({
        'invoice_id': last_invoice_id,
        'invoice_line_no': last_invoice_line_no,
        'order_id': order_id,
        'line_no': line_no,
        'invoiced_qty': cast(shipped_qty as varchar),
        'credited_qty': cast(greatest(billed_qty - shipped_qty, 0) as varchar)
    }) as payload,
    to_json({'invoiced_qty': cast(last_billed_qty as varchar), 'status': last_status}) as precondition,
    case
        when posted_count > 0 then 'a posted document is involved'
        when document_count > 1 then 'several documents bill the line'
        else ''
    end as judgement_reason,
    to_json({
        'shipped': shipped_snapshot_id,
        'billed': billed_snapshot_id,
        'documents': document_count,
        'last_invoice_id': last_invoice_id
    }) as evidence
from mismatched_lines
