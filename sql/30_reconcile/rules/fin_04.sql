-- rule: FIN-04
-- name: INVOICE_PRICE_VARIANCE
-- title: Billed at another price than ordered, or charged another amount than the order's items and freight
-- grain: order line, or order where whole orders are charged
-- scope: order
-- severity: S2
-- owner: Pricing
-- feeds: channel.orders, channel.order_lines, finance.charges | erp.order_lines, finance.invoice_lines
-- tolerance: fin_04_tolerance_amount, fin_04_tolerance_percent
-- class: J
-- source: domain book 2.7
-- A line is compared where finance bills lines, a whole order where finance charges orders. A price that is off its
-- contract, and billed as ordered, is INT-04.
with

charging_feeds as (
    select distinct role
    from ref_feeds
    where role = 'finance' and contract = 'charges'
),

order_amounts as (
    select
        order_id,
        sum((ordered_qty - cancelled_qty) * unit_price + coalesce(freight_amount, 0)) as ordered_amount,
        max(snapshot_id) as snapshot_id
    from canon_order_lines
    where role = 'channel'
    group by order_id
),

charges as (
    select
        order_id,
        sum(charged_amount) as charged_amount,
        count(*) as charge_count,
        max(snapshot_id) as snapshot_id
    from canon_charges
    where role = 'finance'
    group by order_id
),

received as (
    select order_id, status, ordered_at, currency
    from canon_orders
    where role = 'channel'
),

amounts as (
    select
        coalesce(order_amounts.order_id, charges.order_id) as order_id,
        cast(coalesce(order_amounts.ordered_amount, 0) as decimal(18, 2)) as ordered_amount,
        cast(coalesce(charges.charged_amount, 0) as decimal(18, 2)) as charged_amount,
        coalesce(charges.charge_count, 0) as charge_count,
        order_amounts.snapshot_id as order_snapshot_id,
        charges.snapshot_id as charge_snapshot_id
    from order_amounts
    full outer join charges on order_amounts.order_id = charges.order_id
),

variances as (
    select
        amounts.order_id,
        amounts.ordered_amount,
        amounts.charged_amount,
        amounts.charge_count,
        coalesce(received.currency, 'XXX') as currency,
        received.ordered_at,
        amounts.order_snapshot_id,
        amounts.charge_snapshot_id
    from amounts
    left join received on amounts.order_id = received.order_id
    cross join charging_feeds
    where
        abs(amounts.ordered_amount - amounts.charged_amount) > $fin_04_tolerance_amount
        and (amounts.charge_count > 0 or coalesce(received.status, 'OPEN') <> 'CANCELLED')
),

billed_lines as (
    select
        order_id,
        line_no,
        invoice_id,
        invoice_id || '/' || invoice_line_no as document_line,
        invoiced_qty,
        unit_price,
        currency,
        posted_at,
        snapshot_id
    from rec_billed_lines
    where
        role = 'finance'
        and document_type = 'INVOICE'
        and status <> 'VOID'
        and order_id is not null
        and invoiced_qty > 0
),

overpriced_lines as (
    select
        billed_lines.order_id,
        billed_lines.line_no,
        min(lines.node) as node,
        min(lines.unit_price) as ordered_price,
        max_by(billed_lines.unit_price, billed_lines.document_line) as billed_price,
        min(lines.currency) as ordered_currency,
        max_by(billed_lines.currency, billed_lines.document_line) as billed_currency,
        sum(abs(billed_lines.unit_price - lines.unit_price) * billed_lines.invoiced_qty) as variance_amount,
        min(billed_lines.posted_at) as posted_at,
        count(*) as document_count,
        max(billed_lines.invoice_id) as last_invoice_id,
        max(billed_lines.snapshot_id) as billed_snapshot_id,
        max(lines.snapshot_id) as line_snapshot_id
    from billed_lines
    inner join canon_order_lines as lines
        on lines.role = 'erp'
        and billed_lines.order_id = lines.order_id
        and billed_lines.line_no = lines.line_no
    where
        billed_lines.currency <> lines.currency
        or (
            abs(billed_lines.unit_price - lines.unit_price) * 100 > lines.unit_price * $fin_04_tolerance_percent
            and abs(billed_lines.unit_price - lines.unit_price) * billed_lines.invoiced_qty > $fin_04_tolerance_amount
        )
    group by billed_lines.order_id, billed_lines.line_no
),

findings as (
    select
        order_id as business_key,
        '' as node,
        order_id,
        cast(null as bigint) as line_no,
        cast(ordered_amount as varchar) as expected_value,
        cast(charged_amount as varchar) as actual_value,
        cast(abs(ordered_amount - charged_amount) as decimal(18, 2)) as value_at_risk_amount,
        currency,
        ordered_at as condition_since,
        to_json({'order_id': order_id}) as payload,
        to_json({'charged_amount': cast(charged_amount as varchar)}) as precondition,
        to_json({
            'order': order_snapshot_id,
            'charges': charge_snapshot_id,
            'charge_count': charge_count
        }) as evidence
    from variances
    union all
    select
        order_id || '/' || line_no as business_key,
        coalesce(node, '') as node,
        order_id,
        line_no,
        ordered_price || ' ' || ordered_currency as expected_value,
        billed_price || ' ' || billed_currency as actual_value,
        cast(variance_amount as decimal(18, 2)) as value_at_risk_amount,
        ordered_currency as currency,
        posted_at as condition_since,
        to_json({'order_id': order_id, 'line_no': line_no, 'invoice_id': last_invoice_id}) as payload,
        to_json({'unit_price': cast(billed_price as varchar)}) as precondition,
        to_json({
            'order_line': line_snapshot_id,
            'invoice': billed_snapshot_id,
            'last_invoice_id': last_invoice_id,
            'document_count': document_count
        }) as evidence
    from overpriced_lines
)

select
    business_key,
    node,
    order_id as scope_key,
    order_id,
    line_no,
    expected_value,
    actual_value,
    cast(null as decimal(18, 4)) as delta_qty,
    value_at_risk_amount,
    currency,
    condition_since,
    condition_since as breaks_at,
    '' as message,
    '' as target_role,
    payload,
    precondition,
    'prices and charges are judgements' as judgement_reason,
    evidence
from findings
