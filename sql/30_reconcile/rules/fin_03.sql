-- rule: FIN-03
-- name: INVOICED_BEFORE_SHIP
-- title: An invoice is posted for goods that have not left, or left in a later period
-- grain: invoice line
-- scope: order
-- severity: S1
-- owner: Billing
-- feeds: finance.invoice_lines, wms.shipment_lines
-- also: carrier.transports, erp.order_lines
-- follows: SHP-06
-- tolerance: fin_03_unmatched_business_hours
-- correction: invoice.hold -> finance
-- class: G
-- explains: billed
-- source: domain book 2.7; revenue timing
-- What was credited again is not billed. An invoice that names no leg is early while nothing of its line has left; what
-- it bills too much is FIN-02. A period is a calendar month in UTC. One that names no order and matches nothing bills
-- nothing, though its goods may become known for a while; a credit of as much of the item, for the customer, takes it
-- back.
with

documents as (
    select
        order_id,
        line_no,
        shipment_id,
        invoice_id,
        invoice_line_no,
        document_type,
        status,
        invoiced_qty,
        unit_price,
        currency,
        posted_at,
        snapshot_id
    from rec_billed_lines
    where role = 'finance' and status in ('POSTED', 'TRANSMITTED') and order_id is not null
),

departed_legs as (
    select order_id, line_no, shipment_id, shipped_at as departed_at
    from canon_shipment_lines
    where role = 'wms' and shipped_qty > 0
),

-- Most documents are posted after their leg has left: only the others are looked at closely.
suspects as (
    select
        documents.order_id,
        documents.line_no,
        documents.shipment_id,
        documents.invoice_id,
        documents.invoice_line_no,
        documents.status,
        documents.invoiced_qty,
        documents.unit_price,
        documents.currency,
        documents.posted_at,
        documents.snapshot_id
    from documents
    anti join departed_legs
        on documents.order_id = departed_legs.order_id
        and documents.line_no = departed_legs.line_no
        and documents.shipment_id = departed_legs.shipment_id
        and documents.posted_at >= departed_legs.departed_at
    where documents.document_type = 'INVOICE'
),

suspected_legs as (
    select departed_legs.order_id, departed_legs.line_no, departed_legs.shipment_id, departed_legs.departed_at
    from departed_legs
    semi join suspects
        on departed_legs.order_id = suspects.order_id and departed_legs.line_no = suspects.line_no
),

line_departures as (
    select order_id, line_no, min(departed_at) as departed_at
    from suspected_legs
    group by order_id, line_no
),

leg_departures as (
    select order_id, line_no, shipment_id, min(departed_at) as departed_at
    from suspected_legs
    group by order_id, line_no, shipment_id
),

carried_shipments as (
    select transports.shipment_id, min(transports.departed_at) as departed_at
    from canon_transports as transports
    semi join suspects on transports.shipment_id = suspects.shipment_id
    where transports.role = 'carrier' and transports.departed_at is not null
    group by transports.shipment_id
),

departures as (
    select
        suspects.order_id,
        suspects.line_no,
        suspects.shipment_id,
        suspects.invoice_id,
        suspects.invoice_line_no,
        suspects.status,
        suspects.invoiced_qty,
        suspects.unit_price,
        suspects.currency,
        suspects.posted_at,
        suspects.snapshot_id,
        case
            when suspects.shipment_id is null then line_departures.departed_at
            else coalesce(leg_departures.departed_at, carried_shipments.departed_at)
        end as departed_at
    from suspects
    left join leg_departures
        on suspects.order_id = leg_departures.order_id
        and suspects.line_no = leg_departures.line_no
        and suspects.shipment_id = leg_departures.shipment_id
    left join line_departures
        on suspects.order_id = line_departures.order_id and suspects.line_no = line_departures.line_no
    left join carried_shipments on suspects.shipment_id = carried_shipments.shipment_id
),

early_lines as (
    select
        order_id,
        line_no,
        shipment_id,
        invoice_id,
        invoice_line_no,
        status,
        invoiced_qty,
        unit_price,
        currency,
        posted_at,
        snapshot_id,
        departed_at
    from departures
    where departed_at is null or date_trunc('month', departed_at) > date_trunc('month', posted_at)
),

credits as (
    select documents.order_id, documents.line_no, documents.shipment_id, sum(documents.invoiced_qty) as credited_qty
    from documents
    semi join early_lines
        on documents.order_id = early_lines.order_id and documents.line_no = early_lines.line_no
    where documents.document_type = 'CREDIT_MEMO'
    group by documents.order_id, documents.line_no, documents.shipment_id
),

uncredited_lines as (
    select
        early_lines.invoice_id,
        early_lines.invoice_line_no,
        min(early_lines.order_id) as order_id,
        min_by(early_lines.line_no, {'order_id': early_lines.order_id, 'line_no': early_lines.line_no})
            as line_no,
        min(early_lines.shipment_id) as shipment_id,
        max(early_lines.status) as status,
        sum(early_lines.invoiced_qty) as invoiced_qty,
        sum(early_lines.invoiced_qty * early_lines.unit_price) as billed_amount,
        max(early_lines.currency) as currency,
        max(early_lines.posted_at) as posted_at,
        max(early_lines.snapshot_id) as snapshot_id,
        max(early_lines.departed_at) as departed_at
    from early_lines
    left join credits
        on early_lines.order_id = credits.order_id
        and early_lines.line_no = credits.line_no
        and early_lines.shipment_id is not distinct from credits.shipment_id
    where early_lines.invoiced_qty > coalesce(credits.credited_qty, 0)
    group by early_lines.invoice_id, early_lines.invoice_line_no
),

nodes as (
    select lines.order_id, lines.line_no, lines.node
    from canon_order_lines as lines
    semi join uncredited_lines on lines.order_id = uncredited_lines.order_id
    where lines.role = 'erp'
),

unmatched_lines as (
    select
        invoice_id,
        invoice_line_no,
        document_type,
        customer_id,
        sku,
        status,
        invoiced_qty,
        unit_price,
        currency,
        posted_at,
        snapshot_id,
        row_number() over (
            partition by document_type, customer_id, sku, invoiced_qty
            order by posted_at, system, invoice_id, invoice_line_no
        ) as recurrence_no
    from rec_billed_lines
    where
        role = 'finance'
        and match_label = 'unmatched'
        and order_id is null
        and status in ('POSTED', 'TRANSMITTED')
        and invoiced_qty > 0
),

groundless_lines as (
    select
        invoices.invoice_id,
        invoices.invoice_line_no,
        invoices.customer_id,
        invoices.sku,
        invoices.status,
        invoices.invoiced_qty,
        invoices.unit_price,
        invoices.currency,
        invoices.posted_at,
        invoices.snapshot_id
    from unmatched_lines as invoices
    left join unmatched_lines as credits
        on credits.document_type = 'CREDIT_MEMO'
        and invoices.customer_id is not distinct from credits.customer_id
        and invoices.sku is not distinct from credits.sku
        and invoices.invoiced_qty = credits.invoiced_qty
        and invoices.recurrence_no = credits.recurrence_no
    where invoices.document_type = 'INVOICE' and credits.invoice_id is null
),

deadlines as (
    select
        groundless_lines.invoice_id,
        groundless_lines.invoice_line_no,
        begun.open_seconds_before
        + least(
            greatest(epoch(groundless_lines.posted_at) - epoch(begun.opens_at), 0),
            epoch(begun.closes_at) - epoch(begun.opens_at)
        )
        + $fin_03_unmatched_business_hours * 3600 as open_seconds_due
    from groundless_lines
    inner join ref_business_days as begun
        on begun.calendar = 'default'
        and groundless_lines.posted_at >= begun.starts_at
        and groundless_lines.posted_at < begun.ends_at
),

-- An invoice from before the calendar's first day has no row here: it is long overdue.
due_times as (
    select
        deadlines.invoice_id,
        deadlines.invoice_line_no,
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
        uncredited_lines.invoice_id,
        uncredited_lines.invoice_line_no,
        uncredited_lines.order_id,
        uncredited_lines.line_no,
        uncredited_lines.shipment_id,
        'departed before it is posted' as expected_value,
        case
            when uncredited_lines.departed_at is null then 'not departed'
            else 'departed ' || strftime(uncredited_lines.departed_at, '%Y-%m-%d')
        end as actual_value,
        uncredited_lines.invoiced_qty,
        uncredited_lines.billed_amount,
        uncredited_lines.currency,
        uncredited_lines.posted_at,
        uncredited_lines.posted_at as breaks_at,
        uncredited_lines.status = 'POSTED' and uncredited_lines.departed_at is null as is_held,
        uncredited_lines.status,
        case
            when uncredited_lines.departed_at is not null then 'reversal or accrual is for finance'
            when uncredited_lines.status = 'TRANSMITTED' then 'the customer has the invoice'
            else ''
        end as judgement_reason,
        to_json({
            'invoice': uncredited_lines.snapshot_id,
            'shipment_id': uncredited_lines.shipment_id,
            'node': nodes.node,
            'departed_at': strftime(uncredited_lines.departed_at, '%Y-%m-%dT%H:%M:%SZ')
        }) as evidence
    from uncredited_lines
    left join nodes
        on uncredited_lines.order_id = nodes.order_id and uncredited_lines.line_no = nodes.line_no
    union all
    select
        groundless_lines.invoice_id,
        groundless_lines.invoice_line_no,
        cast(null as varchar) as order_id,
        cast(null as bigint) as line_no,
        cast(null as varchar) as shipment_id,
        'bills what was ordered' as expected_value,
        'matches nothing' as actual_value,
        groundless_lines.invoiced_qty,
        groundless_lines.invoiced_qty * groundless_lines.unit_price as billed_amount,
        groundless_lines.currency,
        groundless_lines.posted_at,
        coalesce(due_times.breaks_at, groundless_lines.posted_at) as breaks_at,
        false as is_held,
        groundless_lines.status,
        'what it bills, if anything, a person finds out' as judgement_reason,
        to_json({
            'invoice': groundless_lines.snapshot_id,
            'customer_id': groundless_lines.customer_id,
            'sku': groundless_lines.sku
        }) as evidence
    from groundless_lines
    left join due_times
        on groundless_lines.invoice_id = due_times.invoice_id
        and groundless_lines.invoice_line_no = due_times.invoice_line_no
)

select
    invoice_id || '/' || invoice_line_no as business_key,
    '' as node,
    coalesce(order_id, '') as scope_key,
    order_id,
    line_no,
    expected_value,
    actual_value,
    cast(-invoiced_qty as decimal(18, 4)) as delta_qty,
    cast(billed_amount as decimal(18, 2)) as value_at_risk_amount,
    currency,
    posted_at as condition_since,
    breaks_at,
    case when is_held then 'invoice.hold' else '' end as message,
    case when is_held then 'finance' else '' end as target_role,
    to_json({
        'invoice_id': invoice_id,
        'invoice_line_no': invoice_line_no,
        'order_id': order_id,
        'line_no': line_no,
        'shipment_id': shipment_id
    }) as payload,
    to_json({'status': status}) as precondition,
    judgement_reason,
    evidence
from findings
