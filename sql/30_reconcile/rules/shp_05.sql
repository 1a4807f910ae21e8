-- rule: SHP-05
-- name: STATUS_CONFLICT
-- title: A portal or CRM shows another state or promise than the truth
-- grain: order in a system that shows it
-- scope: order
-- severity: S3
-- owner: Customer Service
-- feeds: erp.order_lines, wms.shipment_lines, crm.order_statuses |
--     erp.order_lines, wms.shipment_lines, channel.order_statuses
-- also: erp.releases, wms.releases, carrier.shipment_milestones, carrier.transports, finance.invoice_lines
-- tolerance: shp_05_grace_minutes
-- correction: status.update -> crm, status.update -> channel, eta.update -> crm (J), eta.update -> channel (J)
-- class: P
-- follows: SHP-03, SHP-04
-- source: domain book 2.7; EXC-R6, SHP-R5
-- What is shown must lie between what is true of every open line and what is true of any: an order that has left in
-- part may be shown as in fulfilment or as shipped. The promise is that of the last line, or an expected arrival. What
-- is shown ahead of every system counts from when it was set: it is a matter of timing until the slowest of them, which
-- may be a site that drops files, has spoken of a later moment.
with

shown as (
    select system, role, order_id, shown_status, shown_promise_at, updated_at, snapshot_id
    from canon_order_statuses
    where role in ('channel', 'crm')
),

progress as (
    select
        order_id,
        sum(ordered_qty - cancelled_qty) as open_qty,
        min(
            case
                when ordered_qty = cancelled_qty then null
                when shipped_qty >= ordered_qty - cancelled_qty then 3
                when taken_in_qty > 0 then 2
                else 0
            end
        ) as least_rank,
        max(case when shipped_qty > 0 then 3 when released_qty + taken_in_qty > 0 then 2 else 1 end) as furthest_rank,
        max(case when ordered_qty > cancelled_qty then last_taken_in_at end) as begun_at
    from rec_quantity_ledger
    group by order_id
),

deliveries as (
    select
        legs.order_id,
        sum(case when states.delivered_at is not null and states.state_rank in (9, 10) then 0 else 1 end)
            as undelivered_legs,
        sum(case when states.delivered_at is not null and states.state_rank in (9, 10) then 1 else 0 end)
            as delivered_legs,
        max(legs.shipped_at) as shipped_at,
        max(states.delivery_recorded_at) as delivered_at,
        max(states.eta_at) as last_eta_at
    from canon_shipment_lines as legs
    left join rec_shipment_states as states on legs.shipment_id = states.shipment_id
    where legs.role = 'wms' and legs.shipped_qty > 0
    group by legs.order_id
),

promises as (
    select
        order_id,
        max(promised_at) as last_promised_at,
        max(case when ordered_qty > cancelled_qty then promised_at end) as open_promised_at,
        max(case when cancelled_qty > 0 then as_of end) as cancelled_at,
        max(as_of) as changed_at,
        max(snapshot_id) as snapshot_id
    from canon_order_lines
    where role = 'erp'
    group by order_id
),

billing as (
    select distinct order_id
    from rec_billed_lines
    where role = 'finance' and document_type = 'INVOICE' and status in ('POSTED', 'TRANSMITTED')
),

orders as (
    select
        promises.order_id,
        progress.open_qty,
        case
            when progress.least_rank = 3 and deliveries.undelivered_legs = 0 then 4
            else progress.least_rank
        end as least_rank,
        case
            when billing.order_id is not null then 5
            when deliveries.delivered_legs > 0 then 4
            else progress.furthest_rank
        end as furthest_rank,
        greatest(
            coalesce(progress.begun_at, deliveries.shipped_at),
            coalesce(promises.cancelled_at, progress.begun_at, deliveries.shipped_at)
        ) as begun_at,
        greatest(deliveries.shipped_at, coalesce(promises.cancelled_at, deliveries.shipped_at)) as shipped_at,
        greatest(deliveries.delivered_at, coalesce(promises.cancelled_at, deliveries.delivered_at)) as delivered_at,
        promises.last_promised_at,
        promises.open_promised_at,
        deliveries.last_eta_at,
        promises.changed_at,
        promises.snapshot_id
    from promises
    inner join progress on promises.order_id = progress.order_id
    left join deliveries on promises.order_id = deliveries.order_id
    left join billing on promises.order_id = billing.order_id
),

compared as (
    select
        shown.system,
        shown.role,
        shown.order_id,
        shown.shown_status,
        shown.shown_promise_at,
        shown.updated_at,
        shown.snapshot_id as shown_snapshot_id,
        orders.open_qty,
        orders.least_rank,
        orders.furthest_rank,
        orders.begun_at,
        orders.shipped_at,
        orders.delivered_at,
        orders.changed_at,
        orders.open_promised_at,
        orders.snapshot_id,
        case shown.shown_status
            when 'RECEIVED' then 0
            when 'ACCEPTED' then 1
            when 'IN_FULFILMENT' then 2
            when 'SHIPPED' then 3
            when 'DELIVERED' then 4
            when 'BILLED' then 5
        end as shown_rank,
        case
            when orders.open_qty = 0 then 'CANCELLED'
            when orders.least_rank = 4 then 'DELIVERED'
            when orders.least_rank = 3 then 'SHIPPED'
            when orders.least_rank = 2 then 'IN_FULFILMENT'
            else 'ACCEPTED'
        end as true_status,
        coalesce(
            shown.shown_promise_at <> orders.last_promised_at
            and shown.shown_promise_at is distinct from orders.open_promised_at
            and shown.shown_promise_at is distinct from orders.last_eta_at,
            false
        ) as is_other_promise
    from shown
    inner join orders on shown.order_id = orders.order_id
),

judged as (
    select
        system,
        role,
        order_id,
        shown_status,
        shown_promise_at,
        shown_snapshot_id,
        snapshot_id,
        true_status,
        open_promised_at,
        case
            when open_qty = 0 and shown_status <> 'CANCELLED' then 'status'
            when open_qty > 0 and shown_status = 'CANCELLED' then 'status'
            when open_qty > 0 and (shown_rank < least_rank or shown_rank > furthest_rank) then 'status'
            when open_qty > 0 and is_other_promise then 'promise'
        end as conflict,
        case
            when open_qty = 0 then changed_at
            when shown_status = 'CANCELLED' or shown_rank > furthest_rank then updated_at
            when shown_rank < 2 and least_rank >= 2 then begun_at
            when shown_rank < 3 and least_rank >= 3 then shipped_at
            when shown_rank < 4 and least_rank >= 4 then delivered_at
            else greatest(updated_at, changed_at)
        end as condition_since
    from compared
)

select
    system || '/' || order_id as business_key,
    '' as node,
    order_id as scope_key,
    order_id,
    cast(null as bigint) as line_no,
    case
        when conflict = 'status' then true_status
        else strftime(open_promised_at, '%Y-%m-%dT%H:%M:%SZ')
    end as expected_value,
    case
        when conflict = 'status' then shown_status
        else strftime(shown_promise_at, '%Y-%m-%dT%H:%M:%SZ')
    end as actual_value,
    cast(null as decimal(18, 4)) as delta_qty,
    cast(0 as decimal(18, 2)) as value_at_risk_amount,
    'XXX' as currency,
    condition_since,
    to_timestamp(epoch(condition_since) + $shp_05_grace_minutes * 60) as breaks_at,
    case when conflict = 'status' then 'status.update' else 'eta.update' end as message,
    role as target_role,
    to_json({
        'system': system,
        'order_id': order_id,
        'shown_status': true_status,
        'shown_promise_at': strftime(open_promised_at, '%Y-%m-%dT%H:%M:%SZ'),
        'eta_at': strftime(open_promised_at, '%Y-%m-%dT%H:%M:%SZ')
    }) as payload,
    to_json({'shown_status': shown_status}) as precondition,
    case
        when conflict = 'promise' then 'what the customer is promised is for a person'
        else ''
    end as judgement_reason,
    to_json({
        'shown': shown_snapshot_id,
        'order_lines': snapshot_id,
        'shown_status': shown_status,
        'true_status': true_status
    }) as evidence
from judged
where conflict is not null
