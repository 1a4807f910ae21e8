-- rule: FIN-05
-- name: CREDIT_MISSING
-- title: Goods came back, or a claim was accepted, and are not credited; or more was credited than that
-- grain: return of an order line, accepted claim, or order line that is credited too much
-- scope: order
-- severity: S3
-- owner: Billing
-- feeds: finance.invoice_lines, wms.shipment_lines, wms.returns | finance.invoice_lines, wms.shipment_lines,
--   crm.customer_cases
-- also: erp.order_lines
-- follows: FIN-02, FIN-03, SHP-02
-- tolerance: fin_05_grace_business_hours
-- correction: credit.propose -> finance
-- class: J
-- explains: billed
-- source: domain book 2.7; 4.1: returns are netted
-- Of a line, as much may be credited as is billed above what the customer keeps; the oldest returns are credited first.
-- A return that names no leg is of what is billed. A claim that names no order line is for a person to match.
with

returned_goods as (
    select
        return_id || '/' || order_id || '/' || line_no as business_key,
        node,
        order_id,
        line_no,
        shipment_id,
        returned_qty,
        received_at as due_from_at,
        snapshot_id
    from canon_returns
    where role = 'wms' and returned_qty > 0
    union all
    select
        case_id as business_key,
        '' as node,
        order_id,
        line_no,
        shipment_id,
        claimed_qty as returned_qty,
        accepted_at as due_from_at,
        snapshot_id
    from canon_customer_cases
    where
        role = 'crm'
        and case_type = 'CLAIM'
        and accepted_at is not null
        and claimed_qty > 0
        and order_id is not null
        and line_no is not null
),

credit_memos as (
    select order_id, line_no, shipment_id, invoice_id, invoiced_qty, posted_at
    from rec_billed_lines
    where role = 'finance' and document_type = 'CREDIT_MEMO' and status <> 'VOID' and order_id is not null
),

concerned_lines as (
    select order_id, line_no
    from returned_goods
    union
    select order_id, line_no
    from credit_memos
),

legs as (
    select
        departed.shipment_id,
        departed.order_id,
        departed.line_no,
        departed.node,
        departed.shipped_qty
    from canon_shipment_lines as departed
    semi join concerned_lines
        on departed.order_id = concerned_lines.order_id and departed.line_no = concerned_lines.line_no
    where departed.role = 'wms' and departed.shipped_qty > 0
),

invoices as (
    select
        documents.order_id,
        documents.line_no,
        documents.shipment_id,
        documents.invoice_id,
        documents.invoice_line_no,
        {
            'invoice_id': documents.invoice_id,
            'invoice_line_no': documents.invoice_line_no,
            'shipment_id': documents.shipment_id
        } as document_key,
        documents.invoiced_qty,
        documents.unit_price,
        documents.currency,
        documents.status,
        documents.posted_at,
        documents.snapshot_id
    from rec_billed_lines as documents
    semi join concerned_lines
        on documents.order_id = concerned_lines.order_id and documents.line_no = concerned_lines.line_no
    where documents.role = 'finance' and documents.document_type = 'INVOICE' and documents.status <> 'VOID'
),

invoiced_legs as (
    select distinct order_id, line_no, shipment_id
    from invoices
    where shipment_id is not null
),

wholly_invoiced_lines as (
    select distinct order_id, line_no
    from invoices
    where shipment_id is null
),

billed_legs as (
    select legs.order_id, legs.line_no, legs.shipment_id, legs.node, legs.shipped_qty
    from legs
    left join invoiced_legs
        on legs.order_id = invoiced_legs.order_id
        and legs.line_no = invoiced_legs.line_no
        and legs.shipment_id = invoiced_legs.shipment_id
    left join wholly_invoiced_lines
        on legs.order_id = wholly_invoiced_lines.order_id and legs.line_no = wholly_invoiced_lines.line_no
    where invoiced_legs.shipment_id is not null or wholly_invoiced_lines.order_id is not null
),

shipped_lines as (
    select order_id, line_no, min(node) as node, sum(shipped_qty) as shipped_qty
    from billed_legs
    group by order_id, line_no
),

-- An invoice of a leg that has not left is FIN-03, and so is what takes it back.
invoiced_lines as (
    select
        invoices.order_id,
        invoices.line_no,
        sum(invoices.invoiced_qty) as invoiced_qty,
        min(invoices.posted_at) as posted_at,
        max(invoices.invoice_id) as invoice_id,
        max_by(invoices.invoice_line_no, invoices.document_key) as invoice_line_no,
        max_by(invoices.status, invoices.document_key) as invoice_status,
        max(invoices.unit_price) as unit_price,
        max(invoices.currency) as currency,
        max(invoices.snapshot_id) as snapshot_id
    from invoices
    left join legs
        on invoices.order_id = legs.order_id
        and invoices.line_no = legs.line_no
        and invoices.shipment_id = legs.shipment_id
    where invoices.shipment_id is null or legs.shipment_id is not null
    group by invoices.order_id, invoices.line_no
),

credited_lines as (
    select
        credit_memos.order_id,
        credit_memos.line_no,
        sum(credit_memos.invoiced_qty) as credited_qty,
        max(credit_memos.posted_at) as posted_at,
        max(credit_memos.invoice_id) as credit_memo_id
    from credit_memos
    left join legs
        on credit_memos.order_id = legs.order_id
        and credit_memos.line_no = legs.line_no
        and credit_memos.shipment_id = legs.shipment_id
    where credit_memos.shipment_id is null or legs.shipment_id is not null
    group by credit_memos.order_id, credit_memos.line_no
),

creditable_goods as (
    select
        returned_goods.business_key,
        returned_goods.node,
        returned_goods.order_id,
        returned_goods.line_no,
        returned_goods.shipment_id,
        returned_goods.returned_qty,
        returned_goods.due_from_at,
        returned_goods.snapshot_id,
        sum(returned_goods.returned_qty) over (
            partition by returned_goods.order_id, returned_goods.line_no
            order by returned_goods.due_from_at desc, returned_goods.business_key desc, returned_goods.node desc
            rows between unbounded preceding and current row
        ) - returned_goods.returned_qty as newer_qty
    from returned_goods
    left join billed_legs
        on returned_goods.order_id = billed_legs.order_id
        and returned_goods.line_no = billed_legs.line_no
        and returned_goods.shipment_id = billed_legs.shipment_id
    where returned_goods.shipment_id is null or billed_legs.shipment_id is not null
),

creditable_lines as (
    select order_id, line_no, sum(returned_qty) as returned_qty
    from creditable_goods
    group by order_id, line_no
),

line_credits as (
    select
        concerned_lines.order_id,
        concerned_lines.line_no,
        shipped_lines.node,
        invoiced_lines.posted_at,
        invoiced_lines.invoice_id,
        invoiced_lines.invoice_line_no,
        invoiced_lines.invoice_status,
        invoiced_lines.unit_price,
        invoiced_lines.currency,
        invoiced_lines.snapshot_id,
        coalesce(creditable_lines.returned_qty, 0) as returned_qty,
        coalesce(credited_lines.credited_qty, 0) as credited_qty,
        credited_lines.posted_at as credited_at,
        credited_lines.credit_memo_id,
        greatest(
            invoiced_lines.invoiced_qty - (shipped_lines.shipped_qty - coalesce(creditable_lines.returned_qty, 0)), 0
        ) as eligible_qty
    from concerned_lines
    inner join shipped_lines
        on concerned_lines.order_id = shipped_lines.order_id and concerned_lines.line_no = shipped_lines.line_no
    inner join invoiced_lines
        on concerned_lines.order_id = invoiced_lines.order_id and concerned_lines.line_no = invoiced_lines.line_no
    left join creditable_lines
        on concerned_lines.order_id = creditable_lines.order_id
        and concerned_lines.line_no = creditable_lines.line_no
    left join credited_lines
        on concerned_lines.order_id = credited_lines.order_id and concerned_lines.line_no = credited_lines.line_no
),

uncredited_goods as (
    select
        goods.business_key,
        goods.node,
        goods.order_id,
        goods.line_no,
        goods.shipment_id,
        goods.returned_qty,
        greatest(goods.due_from_at, coalesce(credits.posted_at, goods.due_from_at)) as due_from_at,
        goods.snapshot_id,
        credits.snapshot_id as invoice_snapshot_id,
        credits.invoice_id,
        credits.invoice_line_no,
        credits.invoice_status,
        credits.unit_price,
        credits.currency,
        cast(
            least(
                goods.returned_qty,
                least(credits.eligible_qty - credits.credited_qty, credits.returned_qty) - goods.newer_qty
            ) as decimal(18, 4)
        ) as uncredited_qty
    from creditable_goods as goods
    inner join line_credits as credits
        on goods.order_id = credits.order_id and goods.line_no = credits.line_no
    where least(credits.eligible_qty - credits.credited_qty, credits.returned_qty) > goods.newer_qty
),

leg_invoices as (
    select
        order_id,
        line_no,
        shipment_id,
        max(invoice_id) as invoice_id,
        max_by(invoice_line_no, document_key) as invoice_line_no,
        max_by(status, document_key) as invoice_status
    from invoices
    where shipment_id is not null
    group by order_id, line_no, shipment_id
),

deadlines as (
    select
        uncredited_goods.business_key,
        uncredited_goods.node,
        begun.open_seconds_before
        + least(
            greatest(epoch(uncredited_goods.due_from_at) - epoch(begun.opens_at), 0),
            epoch(begun.closes_at) - epoch(begun.opens_at)
        )
        + $fin_05_grace_business_hours * 3600 as open_seconds_due
    from uncredited_goods
    inner join ref_business_days as begun
        on begun.calendar = 'default'
        and uncredited_goods.due_from_at >= begun.starts_at
        and uncredited_goods.due_from_at < begun.ends_at
),

-- What came back before the calendar's first day has no row here: it is long overdue.
due_times as (
    select
        deadlines.business_key,
        deadlines.node,
        to_timestamp(epoch(due.opens_at) + deadlines.open_seconds_due - due.open_seconds_before) as breaks_at
    from deadlines
    inner join ref_business_days as due
        on due.calendar = 'default'
        and deadlines.open_seconds_due > due.open_seconds_before
        and deadlines.open_seconds_due
        <= due.open_seconds_before + epoch(due.closes_at) - epoch(due.opens_at)
),

findings as (
    select
        goods.business_key,
        goods.node,
        goods.order_id,
        goods.line_no,
        cast(goods.returned_qty as decimal(18, 4)) as expected_qty,
        cast(goods.returned_qty - goods.uncredited_qty as decimal(18, 4)) as actual_qty,
        goods.unit_price,
        goods.currency,
        goods.due_from_at as condition_since,
        coalesce(due_times.breaks_at, goods.due_from_at) as breaks_at,
        'credit.propose' as message,
        'finance' as target_role,
        coalesce(leg_invoices.invoice_id, goods.invoice_id) as invoice_id,
        coalesce(leg_invoices.invoice_line_no, goods.invoice_line_no) as invoice_line_no,
        coalesce(leg_invoices.invoice_status, goods.invoice_status) as invoice_status,
        'a credit is a decision of billing' as judgement_reason,
        goods.snapshot_id as returned_snapshot_id,
        goods.invoice_snapshot_id
    from uncredited_goods as goods
    left join leg_invoices
        on goods.order_id = leg_invoices.order_id
        and goods.line_no = leg_invoices.line_no
        and goods.shipment_id = leg_invoices.shipment_id
    left join due_times on goods.business_key = due_times.business_key and goods.node = due_times.node
    union all
    select
        order_id || '/' || line_no as business_key,
        node,
        order_id,
        line_no,
        cast(eligible_qty as decimal(18, 4)) as expected_qty,
        cast(credited_qty as decimal(18, 4)) as actual_qty,
        unit_price,
        currency,
        credited_at as condition_since,
        credited_at as breaks_at,
        '' as message,
        '' as target_role,
        credit_memo_id as invoice_id,
        cast(null as bigint) as invoice_line_no,
        cast(null as varchar) as invoice_status,
        'more is credited than is due' as judgement_reason,
        cast(null as varchar) as returned_snapshot_id,
        snapshot_id as invoice_snapshot_id
    from line_credits
    where credited_qty > eligible_qty
)

select
    business_key,
    node,
    order_id as scope_key,
    order_id,
    line_no,
    cast(expected_qty as varchar) as expected_value,
    cast(actual_qty as varchar) as actual_value,
    cast(expected_qty - actual_qty as decimal(18, 4)) as delta_qty,
    cast(abs(expected_qty - actual_qty) * unit_price as decimal(18, 2)) as value_at_risk_amount,
    currency,
    condition_since,
    breaks_at,
    message,
    target_role,
    to_json({
        'invoice_id': invoice_id,
        'invoice_line_no': invoice_line_no,
        'order_id': order_id,
        'line_no': line_no,
        'credited_qty': cast(cast(greatest(expected_qty - actual_qty, 0) as decimal(18, 4)) as varchar)
    }) as payload,
    to_json({'status': invoice_status}) as precondition,
    judgement_reason,
    to_json({'returned': returned_snapshot_id, 'invoice': invoice_snapshot_id, 'invoice_id': invoice_id}) as evidence
from findings
