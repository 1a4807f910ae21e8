-- grain: one row per order of the ERP
-- How each order has gone, as the KPIs about orders count it. What was cancelled is not demanded. An order is due when
-- the last of its lines is promised; it is late where a unit came, or has yet to come, after its line's promise.
-- `exclusion` says why no KPI about promises counts it; `is_unknown`, that its inputs do not let it be judged.
-- refresh: full
with

erp_orders as (
    select order_id, customer_id, status, ordered_at
    from canon_orders
    where role = 'erp'
),

promises as (
    select order_id, line_no, promised_at, release_due_at
    from canon_order_lines
    where role = 'erp'
),

sites as (
    select distinct node
    from rec_quantity_ledger
),

-- Without proofs of delivery or invoices nothing is known of either.
trust as (
    select
        sites.node,
        min(feeds.as_of) as watermark_at,
        bool_or(feeds.state <> 'OK')
        or count(*) filter (where feeds.contract = 'delivery_lines') = 0 as is_delivery_unknown,
        count(*) filter (where feeds.contract = 'invoice_lines') = 0 as is_billing_unknown
    from sites
    inner join rec_feeds as feeds on feeds.node = '' or sites.node = feeds.node
    where
        (feeds.role = 'erp' and feeds.contract in ('orders', 'order_lines'))
        or (feeds.role = 'wms' and feeds.contract in ('shipment_lines', 'returns'))
        or (feeds.role = 'carrier' and feeds.contract = 'delivery_lines')
        or (feeds.role = 'finance' and feeds.contract = 'invoice_lines')
    group by sites.node
),

deliveries as (
    select
        delivered.order_id,
        delivered.line_no,
        max(delivered.delivered_at) as delivered_at,
        sum(case when delivered.delivered_at <= promises.promised_at then delivered.delivered_qty else 0 end)
            as in_time_qty,
        sum(coalesce(delivered.damaged_qty, 0)) as damaged_qty
    from canon_delivery_lines as delivered
    left join promises on delivered.order_id = promises.order_id and delivered.line_no = promises.line_no
    where delivered.role = 'carrier'
    group by delivered.order_id, delivered.line_no
),

damaged_returns as (
    select order_id, line_no, sum(returned_qty) as damaged_qty
    from canon_returns
    where role = 'wms' and condition = 'DAMAGED'
    group by order_id, line_no
),

-- A document that was wrong once and was corrected has been wrong; what healed by itself was a matter of timing.
document_breaks as (
    select distinct order_id
    from rec_findings
    where verdict = 'DIFFER' and order_id <> '' and code in ('FIN-02', 'FIN-03', 'FIN-04', 'SHP-02', 'SHP-06')
    union
    select distinct order_id
    from ops_cases
    where
        state <> 'AUTO_CLEARED'
        and order_id <> ''
        and code in ('FIN-02', 'FIN-03', 'FIN-04', 'SHP-02', 'SHP-06')
),

holds as (
    select order_id, max(resolved_at) as resolved_at
    from canon_holds
    where role in ('erp', 'finance')
    group by order_id
),

releases as (
    select order_id, min(released_at) as released_at
    from canon_releases
    where role = 'erp'
    group by order_id
),

lines as (
    select
        ledger.order_id,
        ledger.line_no,
        ledger.node,
        ledger.ordered_qty - ledger.cancelled_qty as demanded_qty,
        ledger.delivered_qty,
        ledger.open_qty + ledger.backordered_qty + ledger.allocated_unreleased_qty + ledger.released_unpicked_qty
        + ledger.picked_unshipped_qty + ledger.in_transit_qty as outstanding_qty,
        promises.promised_at,
        promises.release_due_at,
        deliveries.delivered_at,
        coalesce(deliveries.in_time_qty, 0) as in_time_qty,
        coalesce(deliveries.damaged_qty, 0) + coalesce(damaged_returns.damaged_qty, 0) as damaged_qty,
        verdicts.verdict = 'UNKNOWN' as is_unknown,
        trust.watermark_at,
        coalesce(trust.is_delivery_unknown, true) as is_delivery_unknown,
        coalesce(trust.is_billing_unknown, true) as is_billing_unknown
    from rec_quantity_ledger as ledger
    inner join rec_line_verdicts as verdicts
        on ledger.order_id = verdicts.order_id and ledger.line_no = verdicts.line_no
    left join promises on ledger.order_id = promises.order_id and ledger.line_no = promises.line_no
    left join deliveries on ledger.order_id = deliveries.order_id and ledger.line_no = deliveries.line_no
    left join damaged_returns
        on ledger.order_id = damaged_returns.order_id and ledger.line_no = damaged_returns.line_no
    left join trust on ledger.node = trust.node
    where ledger.ordered_qty - ledger.cancelled_qty > 0
),

order_lines as (
    select
        order_id,
        case when min(node) = max(node) then min(node) else 'SEVERAL' end as node,
        count(*) as line_count,
        count(*) filter (where promised_at is null) as unpromised_lines,
        max(promised_at) as due_at,
        min(release_due_at) as release_due_at,
        max(delivered_at) as last_delivered_at,
        bool_and(outstanding_qty = 0 and delivered_qty > 0) as is_delivered,
        bool_and(outstanding_qty = 0 and delivered_qty > 0 and delivered_at <= promised_at) as is_on_time,
        bool_and(delivered_qty = demanded_qty) as is_complete,
        bool_and(in_time_qty >= demanded_qty) as is_in_full_on_time,
        bool_and(damaged_qty = 0) as is_undamaged,
        bool_or(is_unknown) as is_unknown,
        bool_or(is_delivery_unknown) as is_delivery_unknown,
        bool_or(is_billing_unknown) as is_billing_unknown,
        min(watermark_at) as watermark_at
    from lines
    group by order_id
)

select
    erp_orders.order_id,
    coalesce(order_lines.node, '') as node,
    erp_orders.customer_id,
    coalesce(order_lines.line_count, 0) as line_count,
    case
        when erp_orders.status = 'CANCELLED' or order_lines.order_id is null then 'CANCELLED'
        when order_lines.unpromised_lines > 0 then 'NO_PROMISE'
        else ''
    end as exclusion,
    erp_orders.ordered_at as received_at,
    greatest(erp_orders.ordered_at, coalesce(holds.resolved_at, erp_orders.ordered_at)) as clean_at,
    order_lines.due_at,
    cast(coalesce(order_lines.due_at, erp_orders.ordered_at) as date) as due_day,
    coalesce(order_lines.due_at <= $now_at, false) as is_due,
    case when order_lines.is_delivered then order_lines.last_delivered_at end as delivered_at,
    -- How long the customer's own date kept the order from being worked on.
    cast(round(greatest(
        epoch(least(order_lines.release_due_at, coalesce(releases.released_at, order_lines.release_due_at)))
        - epoch(erp_orders.ordered_at),
        0
    )) as bigint) as dwell_seconds,
    coalesce(order_lines.is_delivered, false) as is_delivered,
    coalesce(order_lines.is_on_time, false) as is_on_time,
    coalesce(order_lines.is_complete, false) as is_complete,
    coalesce(order_lines.is_in_full_on_time, false) as is_in_full_on_time,
    coalesce(order_lines.is_undamaged, true) as is_undamaged,
    document_breaks.order_id is null as has_accurate_documents,
    coalesce(
        order_lines.is_unknown
        or order_lines.is_delivery_unknown
        or (
            order_lines.due_at > order_lines.watermark_at
            and order_lines.due_at <= $now_at
            and not order_lines.is_delivered
        ),
        true
    ) as is_unknown,
    coalesce(order_lines.is_billing_unknown, true) as is_billing_unknown,
    order_lines.watermark_at
from erp_orders
left join order_lines on erp_orders.order_id = order_lines.order_id
left join document_breaks on erp_orders.order_id = document_breaks.order_id
left join holds on erp_orders.order_id = holds.order_id
left join releases on erp_orders.order_id = releases.order_id
