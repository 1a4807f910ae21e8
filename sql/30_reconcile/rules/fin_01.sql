-- rule: FIN-01
-- name: SHIPPED_NOT_INVOICED
-- title: Shipped and confirmed, but no invoice refers to the leg
-- grain: shipment leg of an order line
-- scope: order
-- severity: S2
-- owner: Billing
-- feeds: wms.shipment_lines, erp.shipment_lines, finance.invoice_lines
-- also: wms.returns
-- tolerance: fin_01_grace_business_hours
-- correction: invoice.request -> finance
-- class: P
-- explains: billed
-- lag: invoice.post
-- source: domain book 2.7; Celonis "shipped, not invoiced"
-- An invoice that names no leg bills the whole line: what it leaves unbilled is FIN-02. What came back of a leg before
-- it was billed need not be billed; a return that names no leg is first of what is billed, then of the oldest leg.
-- It is S1 where the time to bill ends in a later month, in UTC, than the one that the leg belongs to.
with

invoices as (
    select shipment_id, order_id, line_no
    from rec_billed_lines
    where role = 'finance' and document_type = 'INVOICE' and status <> 'VOID' and order_id is not null
),

billed_legs as (
    select shipment_id, order_id, line_no
    from invoices
    where shipment_id is not null
),

wholly_billed_lines as (
    select order_id, line_no
    from invoices
    where shipment_id is null
),

-- Nearly every leg is billed: those are left out before any is held against what the ERP has confirmed.
waiting_legs as (
    select
        departed.shipment_id,
        departed.order_id,
        departed.line_no,
        departed.node,
        departed.sku,
        departed.shipped_qty,
        departed.shipped_at,
        departed.snapshot_id
    from canon_shipment_lines as departed
    anti join billed_legs
        on departed.shipment_id = billed_legs.shipment_id
        and departed.order_id = billed_legs.order_id
        and departed.line_no = billed_legs.line_no
    anti join wholly_billed_lines
        on departed.order_id = wholly_billed_lines.order_id
        and departed.line_no = wholly_billed_lines.line_no
    where departed.role = 'wms' and departed.shipped_qty > 0
),

uninvoiced_legs as (
    select
        waiting_legs.shipment_id,
        waiting_legs.order_id,
        waiting_legs.line_no,
        waiting_legs.node,
        waiting_legs.sku,
        waiting_legs.shipped_qty,
        greatest(waiting_legs.shipped_at, coalesce(confirmed.confirmed_at, waiting_legs.shipped_at)) as eligible_at,
        waiting_legs.snapshot_id as departed_snapshot_id,
        confirmed.snapshot_id as confirmed_snapshot_id
    from waiting_legs
    inner join canon_shipment_lines as confirmed
        on waiting_legs.shipment_id = confirmed.shipment_id
        and waiting_legs.order_id = confirmed.order_id
        and waiting_legs.line_no = confirmed.line_no
    where confirmed.role = 'erp' and waiting_legs.shipped_qty = confirmed.shipped_qty
),

returned_legs as (
    select shipment_id, order_id, line_no, sum(returned_qty) as returned_qty
    from canon_returns
    where role = 'wms' and shipment_id is not null
    group by shipment_id, order_id, line_no
),

returned_lines as (
    select order_id, line_no, sum(returned_qty) as returned_qty
    from canon_returns
    where role = 'wms' and shipment_id is null
    group by order_id, line_no
),

-- What was shipped on other legs of a line takes up returns that name no leg.
invoiced_quantities as (
    select departed.order_id, departed.line_no, sum(departed.shipped_qty) as invoiced_qty
    from canon_shipment_lines as departed
    semi join returned_lines
        on departed.order_id = returned_lines.order_id and departed.line_no = returned_lines.line_no
    inner join canon_shipment_lines as confirmed
        on confirmed.role = 'erp'
        and departed.shipment_id = confirmed.shipment_id
        and departed.order_id = confirmed.order_id
        and departed.line_no = confirmed.line_no
        and departed.shipped_qty = confirmed.shipped_qty
    anti join uninvoiced_legs
        on departed.shipment_id = uninvoiced_legs.shipment_id
        and departed.order_id = uninvoiced_legs.order_id
        and departed.line_no = uninvoiced_legs.line_no
    where departed.role = 'wms'
    group by departed.order_id, departed.line_no
),

netted_legs as (
    select
        uninvoiced_legs.shipment_id,
        uninvoiced_legs.order_id,
        uninvoiced_legs.line_no,
        uninvoiced_legs.shipped_qty - coalesce(returned_legs.returned_qty, 0) as kept_qty,
        sum(uninvoiced_legs.shipped_qty - coalesce(returned_legs.returned_qty, 0)) over (
            partition by uninvoiced_legs.order_id, uninvoiced_legs.line_no
            order by uninvoiced_legs.eligible_at, uninvoiced_legs.shipment_id
            rows between unbounded preceding and current row
        ) - greatest(
            coalesce(returned_lines.returned_qty, 0) - coalesce(invoiced_quantities.invoiced_qty, 0), 0
        ) as kept_so_far_qty
    from uninvoiced_legs
    left join returned_legs
        on uninvoiced_legs.shipment_id = returned_legs.shipment_id
        and uninvoiced_legs.order_id = returned_legs.order_id
        and uninvoiced_legs.line_no = returned_legs.line_no
    left join returned_lines
        on uninvoiced_legs.order_id = returned_lines.order_id and uninvoiced_legs.line_no = returned_lines.line_no
    left join invoiced_quantities
        on uninvoiced_legs.order_id = invoiced_quantities.order_id
        and uninvoiced_legs.line_no = invoiced_quantities.line_no
),

unbilled_legs as (
    select
        uninvoiced_legs.shipment_id,
        uninvoiced_legs.order_id,
        uninvoiced_legs.line_no,
        uninvoiced_legs.node,
        uninvoiced_legs.sku,
        uninvoiced_legs.shipped_qty,
        cast(least(netted_legs.kept_qty, netted_legs.kept_so_far_qty) as decimal(18, 4)) as unbilled_qty,
        uninvoiced_legs.eligible_at,
        uninvoiced_legs.departed_snapshot_id,
        uninvoiced_legs.confirmed_snapshot_id,
        lines.unit_price,
        lines.currency,
        lines.snapshot_id as line_snapshot_id
    from uninvoiced_legs
    inner join netted_legs
        on uninvoiced_legs.shipment_id = netted_legs.shipment_id
        and uninvoiced_legs.order_id = netted_legs.order_id
        and uninvoiced_legs.line_no = netted_legs.line_no
    left join canon_order_lines as lines
        on lines.role = 'erp'
        and uninvoiced_legs.order_id = lines.order_id
        and uninvoiced_legs.line_no = lines.line_no
    where least(netted_legs.kept_qty, netted_legs.kept_so_far_qty) > 0
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
    cast(unbilled_legs.unbilled_qty as varchar) as expected_value,
    '0' as actual_value,
    unbilled_legs.unbilled_qty as delta_qty,
    cast(unbilled_legs.unbilled_qty * coalesce(unbilled_legs.unit_price, 0) as decimal(18, 2)) as value_at_risk_amount,
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
        'invoiced_qty': cast(unbilled_legs.unbilled_qty as varchar),
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
    }) as evidence,
    case
        when date_trunc('month', due_times.breaks_at) = date_trunc('month', unbilled_legs.eligible_at) then 'S2'
        else 'S1'
    end as severity
from unbilled_legs
left join due_times
    on unbilled_legs.shipment_id = due_times.shipment_id
    and unbilled_legs.order_id = due_times.order_id
    and unbilled_legs.line_no = due_times.line_no
