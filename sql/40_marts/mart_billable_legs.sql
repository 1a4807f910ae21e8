-- grain: one row per shipment leg of an order line that left a site
-- When each leg could be billed, by when it should have been, and when it was. It may be billed once the ERP has
-- confirmed the quantity that left; `exclusion` says why it is no matter of timeliness.
-- refresh: full
with

legs as (
    select
        departed.shipment_id,
        departed.order_id,
        departed.line_no,
        departed.node,
        departed.shipped_qty,
        greatest(departed.shipped_at, coalesce(confirmed.confirmed_at, departed.shipped_at)) as eligible_at,
        departed.shipped_at,
        confirmed.shipped_qty is not distinct from departed.shipped_qty as is_confirmed
    from canon_shipment_lines as departed
    left join canon_shipment_lines as confirmed
        on confirmed.role = 'erp'
        and departed.shipment_id = confirmed.shipment_id
        and departed.order_id = confirmed.order_id
        and departed.line_no = confirmed.line_no
    where departed.role = 'wms' and departed.shipped_qty > 0
),

invoices as (
    select order_id, line_no, shipment_id, min(posted_at) as invoiced_at
    from rec_billed_lines
    where document_type = 'INVOICE' and status in ('POSTED', 'TRANSMITTED') and order_id is not null
    group by order_id, line_no, shipment_id
),

returned_legs as (
    select order_id, line_no, shipment_id, sum(returned_qty) as returned_qty
    from canon_returns
    where role = 'wms' and shipment_id is not null
    group by order_id, line_no, shipment_id
),

trust as (
    select
        bool_or(state <> 'OK') or count(*) filter (where contract = 'invoice_lines') = 0 as is_unknown,
        min(as_of) as watermark_at
    from rec_feeds
    where (role = 'finance' and contract = 'invoice_lines') or (role = 'erp' and contract = 'shipment_lines')
),

billed as (
    select
        legs.shipment_id,
        legs.order_id,
        legs.line_no,
        legs.node,
        legs.shipped_qty,
        legs.shipped_at,
        legs.eligible_at,
        legs.is_confirmed,
        coalesce(own.invoiced_at, whole_lines.invoiced_at) as invoiced_at,
        coalesce(returned_legs.returned_qty, 0) >= legs.shipped_qty as is_returned,
        lines.unit_price,
        lines.currency
    from legs
    left join invoices as own
        on legs.order_id = own.order_id and legs.line_no = own.line_no and legs.shipment_id = own.shipment_id
    left join invoices as whole_lines
        on whole_lines.shipment_id is null
        and legs.order_id = whole_lines.order_id
        and legs.line_no = whole_lines.line_no
    left join returned_legs
        on legs.order_id = returned_legs.order_id
        and legs.line_no = returned_legs.line_no
        and legs.shipment_id = returned_legs.shipment_id
    left join rec_quantity_ledger as lines on legs.order_id = lines.order_id and legs.line_no = lines.line_no
),

deadlines as (
    select
        billed.shipment_id,
        billed.order_id,
        billed.line_no,
        begun.open_seconds_before
        + least(
            greatest(epoch(billed.eligible_at) - epoch(begun.opens_at), 0),
            epoch(begun.closes_at) - epoch(begun.opens_at)
        )
        + $fin_01_grace_business_hours * 3600 as open_seconds_due
    from billed
    inner join ref_business_days as begun
        on begun.calendar = 'default'
        and billed.eligible_at >= begun.starts_at
        and billed.eligible_at < begun.ends_at
),

due_times as (
    select
        deadlines.shipment_id,
        deadlines.order_id,
        deadlines.line_no,
        to_timestamp(epoch(due.opens_at) + deadlines.open_seconds_due - due.open_seconds_before) as due_at
    from deadlines
    inner join ref_business_days as due
        on due.calendar = 'default'
        and deadlines.open_seconds_due > due.open_seconds_before
        and deadlines.open_seconds_due <= due.open_seconds_before + epoch(due.closes_at) - epoch(due.opens_at)
)

select
    billed.shipment_id,
    billed.order_id,
    billed.line_no,
    billed.node,
    billed.shipped_at,
    billed.eligible_at,
    cast(billed.eligible_at as date) as eligible_day,
    -- A leg from before the calendar's first day has no row there: it is long overdue.
    coalesce(due_times.due_at, billed.eligible_at) as due_at,
    billed.invoiced_at,
    case
        when not billed.is_confirmed then 'UNCONFIRMED'
        when billed.invoiced_at is null and billed.is_returned then 'RETURNED'
        when billed.invoiced_at is null and coalesce(due_times.due_at, billed.eligible_at) > $now_at then 'NOT_DUE'
        else ''
    end as exclusion,
    coalesce(billed.invoiced_at <= coalesce(due_times.due_at, billed.eligible_at), false) as is_timely,
    coalesce(trust.is_unknown, true) or coalesce(verdicts.verdict = 'UNKNOWN', true) as is_unknown,
    cast(billed.shipped_qty * coalesce(billed.unit_price, 0) as decimal(18, 2)) as leg_amount,
    coalesce(billed.currency, 'XXX') as currency,
    trust.watermark_at
from billed
cross join trust
left join due_times
    on billed.shipment_id = due_times.shipment_id
    and billed.order_id = due_times.order_id
    and billed.line_no = due_times.line_no
left join rec_line_verdicts as verdicts
    on billed.order_id = verdicts.order_id and billed.line_no = verdicts.line_no
