-- rule: FIN-02
-- name: BILLED_QTY_MISMATCH
-- title: Billed another quantity than was shipped
-- grain: order line
-- scope: order
-- severity: S2
-- owner: Billing
-- feeds: wms.shipment_lines, erp.shipment_lines, finance.invoice_lines
-- also: wms.returns, crm.customer_cases
-- follows: FIN-03, SHP-06
-- correction: invoice.amend -> finance, credit.propose -> finance (J)
-- class: P
-- explains: billed
-- source: domain book 2.7: only legs that have an invoice, credits netted; a leg without one is FIN-01
-- An invoice that names no leg bills all legs of its line. No message can bill more of a leg that is billed already.
-- What came back, or was claimed and accepted, may be billed and credited, or not be billed at all. A credit for it
-- that is missing, or larger than it, is FIN-05. What is billed too much is S1.
with

-- A line of one leg whose quantities add up needs no comparison leg by leg.
settled_lines as (
    select order_id, line_no
    from rec_quantity_ledger
    where residual_billed_qty = 0 and leg_count <= 1
),

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
    anti join settled_lines
        on departed.order_id = settled_lines.order_id and departed.line_no = settled_lines.line_no
    where departed.role = 'wms' and confirmed.role = 'erp' and departed.shipped_qty = confirmed.shipped_qty
),

documents as (
    select
        billed.order_id,
        billed.line_no,
        billed.shipment_id,
        billed.invoice_id,
        billed.invoice_line_no,
        {
            'invoice_id': billed.invoice_id,
            'invoice_line_no': billed.invoice_line_no,
            'shipment_id': billed.shipment_id
        } as document_key,
        billed.document_type,
        billed.status,
        billed.posted_at,
        billed.unit_price,
        billed.currency,
        billed.snapshot_id,
        case when billed.document_type = 'INVOICE' then billed.invoiced_qty else -billed.invoiced_qty end as billed_qty
    from rec_billed_lines as billed
    anti join settled_lines
        on billed.order_id = settled_lines.order_id and billed.line_no = settled_lines.line_no
    where billed.role = 'finance' and billed.status <> 'VOID' and billed.order_id is not null
),

leg_bills as (
    select
        order_id,
        line_no,
        shipment_id,
        sum(billed_qty) as billed_qty,
        sum(billed_qty) filter (where document_type = 'INVOICE') as invoiced_qty,
        count(*) filter (where document_type = 'INVOICE') as invoice_count
    from documents
    where shipment_id is not null
    group by order_id, line_no, shipment_id
),

line_bills as (
    select
        order_id,
        line_no,
        sum(billed_qty) as billed_qty,
        sum(billed_qty) filter (where document_type = 'INVOICE') as invoiced_qty,
        count(*) filter (where document_type = 'INVOICE') as invoice_count
    from documents
    where shipment_id is null
    group by order_id, line_no
),

compared_legs as (
    select
        agreed_legs.order_id,
        agreed_legs.line_no,
        agreed_legs.shipment_id,
        agreed_legs.node,
        agreed_legs.shipped_qty,
        agreed_legs.snapshot_id,
        coalesce(leg_bills.billed_qty, 0) as billed_qty,
        coalesce(leg_bills.invoiced_qty, 0) as invoiced_qty,
        coalesce(leg_bills.billed_qty, 0) <> agreed_legs.shipped_qty as is_off
    from agreed_legs
    left join leg_bills
        on agreed_legs.shipment_id = leg_bills.shipment_id
        and agreed_legs.order_id = leg_bills.order_id
        and agreed_legs.line_no = leg_bills.line_no
    left join line_bills
        on agreed_legs.order_id = line_bills.order_id and agreed_legs.line_no = line_bills.line_no
    where leg_bills.invoice_count > 0 or line_bills.invoice_count > 0
),

shipped_lines as (
    select
        order_id,
        line_no,
        min(node) as node,
        sum(shipped_qty) as shipped_qty,
        sum(billed_qty) as billed_qty,
        sum(invoiced_qty) as invoiced_qty,
        max(snapshot_id) as snapshot_id
    from compared_legs
    group by order_id, line_no
),

-- The documents that may be wrong: those of a leg that is off, and those that name no leg.
suspects as (
    select
        documents.order_id,
        documents.line_no,
        count(*) as document_count,
        count(*) filter (where documents.status <> 'DRAFT') as posted_count,
        max(documents.invoice_id) filter (where documents.document_type = 'INVOICE') as last_invoice_id,
        max_by(documents.invoice_line_no, documents.document_key)
            filter (where documents.document_type = 'INVOICE') as last_invoice_line_no,
        max_by(documents.status, documents.document_key)
            filter (where documents.document_type = 'INVOICE') as last_status,
        max_by(documents.billed_qty, documents.document_key)
            filter (where documents.document_type = 'INVOICE') as last_billed_qty,
        max(documents.unit_price) as unit_price,
        max(documents.currency) as currency,
        max(documents.posted_at) as posted_at,
        max(documents.snapshot_id) as snapshot_id
    from documents
    left join compared_legs
        on documents.shipment_id = compared_legs.shipment_id
        and documents.order_id = compared_legs.order_id
        and documents.line_no = compared_legs.line_no
    where documents.shipment_id is null or compared_legs.is_off
    group by documents.order_id, documents.line_no
),

returned_goods as (
    select order_id, line_no, shipment_id, returned_qty
    from canon_returns
    where role = 'wms'
    union all
    select order_id, line_no, shipment_id, claimed_qty as returned_qty
    from canon_customer_cases
    where role = 'crm' and case_type = 'CLAIM' and accepted_at is not null and claimed_qty > 0
),

-- What came back of a leg that is not billed is not taken off those that are.
returned_lines as (
    select
        returned_goods.order_id,
        returned_goods.line_no,
        sum(returned_goods.returned_qty) as returned_qty
    from returned_goods
    left join compared_legs
        on returned_goods.shipment_id = compared_legs.shipment_id
        and returned_goods.order_id = compared_legs.order_id
        and returned_goods.line_no = compared_legs.line_no
    where returned_goods.shipment_id is null or compared_legs.shipment_id is not null
    group by returned_goods.order_id, returned_goods.line_no
),

line_totals as (
    select
        shipped_lines.order_id,
        shipped_lines.line_no,
        shipped_lines.node,
        shipped_lines.snapshot_id,
        shipped_lines.shipped_qty,
        shipped_lines.shipped_qty - coalesce(returned_lines.returned_qty, 0) as kept_qty,
        shipped_lines.billed_qty + coalesce(line_bills.billed_qty, 0) as billed_qty,
        shipped_lines.invoiced_qty + coalesce(line_bills.invoiced_qty, 0) as invoiced_qty
    from shipped_lines
    left join line_bills
        on shipped_lines.order_id = line_bills.order_id and shipped_lines.line_no = line_bills.line_no
    left join returned_lines
        on shipped_lines.order_id = returned_lines.order_id and shipped_lines.line_no = returned_lines.line_no
),

mismatched_lines as (
    select
        line_totals.order_id,
        line_totals.line_no,
        line_totals.node,
        cast(
            case
                when line_totals.billed_qty > line_totals.shipped_qty then line_totals.shipped_qty
                else line_totals.kept_qty
            end as decimal(18, 4)
        ) as shipped_qty,
        cast(
            case
                when line_totals.billed_qty > line_totals.shipped_qty then line_totals.billed_qty
                else line_totals.invoiced_qty
            end as decimal(18, 4)
        ) as billed_qty,
        suspects.document_count,
        suspects.posted_count,
        suspects.last_invoice_id,
        suspects.last_invoice_line_no,
        suspects.last_status,
        suspects.last_billed_qty,
        suspects.unit_price,
        suspects.currency,
        suspects.posted_at,
        line_totals.snapshot_id as shipped_snapshot_id,
        suspects.snapshot_id as billed_snapshot_id
    from line_totals
    inner join suspects
        on line_totals.order_id = suspects.order_id and line_totals.line_no = suspects.line_no
    where
        line_totals.billed_qty > line_totals.shipped_qty
        or line_totals.invoiced_qty < line_totals.kept_qty
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
        'invoiced_qty': cast(cast(last_billed_qty + shipped_qty - billed_qty as decimal(18, 4)) as varchar),
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
    }) as evidence,
    case when billed_qty > shipped_qty then 'S1' else 'S2' end as severity
from mismatched_lines
