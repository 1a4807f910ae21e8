-- rule: FIN-01
-- name: SHIPPED_NOT_INVOICED
-- title: Shipped and confirmed, but no invoice refers to the leg
-- grain: shipment leg of an order line
-- scope: order
-- severity: S2
-- owner: Billing
-- feeds: wms.shipment_lines, erp.shipment_lines, finance.invoice_lines
-- tolerance: fin_01_grace_business_hours
-- correction: invoice.request -> finance
-- class: P
-- explains: billed
-- source: domain book 2.7; Celonis "shipped, not invoiced"
-- An invoice that names no leg bills the whole line: what it leaves unbilled is FIN-02.
with

eligible_legs as (
    select
        departed.shipment_id,
        departed.order_id,
        departed.line_no,
        departed.node,
        departed.sku,
        departed.shipped_qty,
        departed.snapshot_id as departed_snapshot_id,
        confirmed.snapshot_id as confirmed_snapshot_id,
        greatest(departed.shipped_at, coalesce(confirmed.confirmed_at, departed.shipped_at)) as eligible_at
    from canon_shipment_lines as departed
    inner join canon_shipment_lines as confirmed
        on departed.shipment_id = confirmed.shipment_id
        and departed.order_id = confirmed.order_id
        and departed.line_no = confirmed.line_no
    where departed.role = 'wms' and confirmed.role = 'erp' and departed.shipped_qty = confirmed.shipped_qty
),

invoices as (
    select shipment_id, order_id, line_no
    from canon_invoice_lines
    where role = 'finance' and document_type = 'INVOICE' and status <> 'VOID'
),

billed_legs as (
    select distinct shipment_id, order_id, line_no
    from invoices
    where shipment_id is not null
),

wholly_billed_lines as (
    select distinct order_id, line_no
    from invoices
    where shipment_id is null
),

unbilled_legs as (
    select
        eligible_legs.shipment_id,
        eligible_legs.order_id,
        eligible_legs.line_no,
        eligible_legs.node,
        eligible_legs.sku,
        eligible_legs.shipped_qty,
        eligible_legs.eligible_at,
        eligible_legs.departed_snapshot_id,
        eligible_legs.confirmed_snapshot_id,
        lines.unit_price,
        lines.currency,
        lines.snapshot_id as line_snapshot_id
    from eligible_legs
    left join billed_legs
        on eligible_legs.shipment_id = billed_legs.shipment_id
        and eligible_legs.order_id = billed_legs.order_id
        and eligible_legs.line_no = billed_legs.line_no
    left join wholly_billed_lines
        on eligible_legs.order_id = wholly_billed_lines.order_id
        and eligible_legs.line_no = wholly_billed_lines.line_no
    left join canon_order_lines as lines
        on lines.role = 'erp' and eligible_legs.order_id = lines.order_id and eligible_legs.line_no = lines.line_no
    where
        billed_legs.shipment_id is null
        and wholly_billed_lines.order_id is null
        and eligible_legs.shipped_qty > 0
),

deadlines as (
    select
        unbilled_legs.shipment_id,
        unbilled_legs.order_id,
        unbilled_legs.line_no,
        begun.open_seconds_before
        + least(
            greatest(epoch(unbilled_legs.eligible_at) - epoch(begun.opens_at), 0),
            epoch(begun.closes_at) - epoch(begun.opens_at)
        )
        + $fin_01_grace_business_hours * 3600 as open_seconds_due
    from unbilled_legs
    inner join ref_business_days as begun
        on begun.calendar = 'default'
        and unbilled_legs.eligible_at >= begun.starts_at
        and unbilled_legs.eligible_at < begun.ends_at
),

-- A leg from before the calendar's first day has no row here: it is long overdue.
due_times as (
    select
        deadlines.shipment_id,
        deadlines.order_id,
        deadlines.line_no,
        to_timestamp(epoch(due.opens_at) + deadlines.open_seconds_due - due.open_seconds_before) as breaks_at
    from deadlines
    inner join ref_business_days as due
        on due.calendar = 'default'
        and deadlines.open_seconds_due > due.open_seconds_before
        and deadlines.open_seconds_due
        <= due.open_seconds_before + epoch(due.closes_at) - epoch(due.opens_at)
)

select
    unbilled_legs.order_id || '/' || unbilled_legs.line_no || '/' || unbilled_legs.shipment_id as business_key,
    unbilled_legs.node,
    unbilled_legs.order_id as scope_key,
    unbilled_legs.order_id,
    unbilled_legs.line_no,
    cast(unbilled_legs.shipped_qty as varchar) as expected_value,
    '0' as actual_value,
    unbilled_legs.shipped_qty as delta_qty,
    cast(unbilled_legs.shipped_qty * coalesce(unbilled_legs.unit_price, 0) as decimal(18, 2)) as value_at_risk_amount,
    coalesce(unbilled_legs.currency, 'XXX') as currency,
    unbilled_legs.eligible_at as condition_since,
    coalesce(due_times.breaks_at, unbilled_legs.eligible_at) as breaks_at,
    'invoice.request' as message,
    'finance' as target_role,
    to_json({
        'order_id': unbilled_legs.order_id,
        'line_no': unbilled_legs.line_no,
        'shipment_id': unbilled_legs.shipment_id,
        'uom': 'EA',
        'invoiced_qty': cast(unbilled_legs.shipped_qty as varchar),
        'unit_price': cast(unbilled_legs.unit_price as varchar),
        'currency': unbilled_legs.currency
    }) as payload,
    to_json({'shipment_id': unbilled_legs.shipment_id}) as precondition,
    case when unbilled_legs.unit_price is null then 'the order line has no price' else '' end as judgement_reason,
    to_json({
        'departed': unbilled_legs.departed_snapshot_id,
        'confirmed': unbilled_legs.confirmed_snapshot_id,
        'order_line': unbilled_legs.line_snapshot_id,
        'shipped_qty': cast(unbilled_legs.shipped_qty as varchar)
    }) as evidence
from unbilled_legs
left join due_times
    on unbilled_legs.shipment_id = due_times.shipment_id
    and unbilled_legs.order_id = due_times.order_id
    and unbilled_legs.line_no = due_times.line_no
