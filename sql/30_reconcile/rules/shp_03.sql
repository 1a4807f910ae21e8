-- rule: SHP-03
-- name: LATE_OR_SILENT
-- title: On the road, but it will be late, is late, or nobody hears of it any more
-- grain: shipment leg
-- scope: shipment
-- severity: S2
-- owner: Transport
-- feeds: carrier.transports, carrier.shipment_milestones, wms.shipment_lines, erp.order_lines
-- also: crm.customer_cases
-- tolerance: shp_03_late_minutes, shp_03_report_hours, shp_03_silent_hours
-- correction: case.create -> crm, eta.update -> crm
-- steps: case.create, eta.update
-- class: N
-- planned: yes
-- source: domain book 2.7; Oracle order jeopardy, project44 DELAYED
-- A delay that the promise can bear is no difference. A delivery that failed is SHP-04. First customer service gets a
-- case; once it has one, the expected time of arrival. A new promise is for a person.
with

legs_on_the_road as (
    select
        shipment_id,
        node,
        first_order_id,
        departed_at,
        eta_at,
        delayed_at,
        state,
        coalesce(greatest(last_recorded_at, departed_at), departed_at) as last_heard_at,
        snapshot_id
    from rec_shipment_states
    where departed_at is not null and state_rank between 1 and 5
),

promises as (
    select
        legs.shipment_id,
        min(lines.promised_at) as promised_at,
        sum(legs.shipped_qty * lines.unit_price) as open_amount,
        max(lines.currency) as currency,
        case when count(*) = 1 then min(legs.line_no) end as line_no
    from canon_shipment_lines as legs
    semi join legs_on_the_road on legs.shipment_id = legs_on_the_road.shipment_id
    inner join canon_order_lines as lines
        on lines.role = 'erp' and legs.order_id = lines.order_id and legs.line_no = lines.line_no
    where legs.role = 'wms'
    group by legs.shipment_id
),

followed_cases as (
    select distinct shipment_id
    from canon_customer_cases
    where role = 'crm' and status = 'OPEN' and shipment_id is not null
),

judged as (
    select
        legs.shipment_id,
        legs.node,
        legs.first_order_id,
        promises.line_no,
        promises.promised_at,
        coalesce(promises.open_amount, 0) as open_amount,
        coalesce(promises.currency, 'XXX') as currency,
        legs.eta_at,
        legs.state,
        legs.last_heard_at,
        legs.snapshot_id,
        legs.delayed_at,
        legs.eta_at > to_timestamp(epoch(promises.promised_at) + $shp_03_late_minutes * 60) as will_be_late,
        to_timestamp(epoch(promises.promised_at) + $shp_03_report_hours * 3600) as overdue_at,
        to_timestamp(epoch(legs.last_heard_at) + $shp_03_silent_hours * 3600) as silent_at,
        followed_cases.shipment_id is not null as has_case
    from legs_on_the_road as legs
    left join promises on legs.shipment_id = promises.shipment_id
    left join followed_cases on legs.shipment_id = followed_cases.shipment_id
),

dated as (
    select
        shipment_id,
        node,
        first_order_id,
        line_no,
        promised_at,
        open_amount,
        currency,
        eta_at,
        state,
        last_heard_at,
        snapshot_id,
        has_case,
        case
            when will_be_late then 'expected after the promise'
            when eta_at is null and delayed_at is not null then 'delayed, and nobody says until when'
            when overdue_at <= silent_at then 'not delivered by the promise'
            else 'nothing heard of it'
        end as problem,
        case
            when will_be_late then coalesce(delayed_at, last_heard_at)
            when eta_at is null and delayed_at is not null then delayed_at
            else least(coalesce(overdue_at, silent_at), silent_at)
        end as condition_since
    from judged
)

select
    shipment_id as business_key,
    node,
    shipment_id as scope_key,
    first_order_id as order_id,
    line_no,
    strftime(promised_at, '%Y-%m-%dT%H:%M:%SZ') as expected_value,
    problem as actual_value,
    cast(null as decimal(18, 4)) as delta_qty,
    cast(open_amount as decimal(18, 2)) as value_at_risk_amount,
    currency,
    condition_since,
    condition_since as breaks_at,
    case when not has_case then 'case.create' when eta_at is not null then 'eta.update' else '' end as message,
    case when not has_case or eta_at is not null then 'crm' else '' end as target_role,
    to_json({
        'order_id': first_order_id,
        'shipment_id': shipment_id,
        'case_type': 'DELIVERY',
        'reason': problem,
        'eta_at': strftime(eta_at, '%Y-%m-%dT%H:%M:%SZ')
    }) as payload,
    to_json({'state': state}) as precondition,
    case when has_case and eta_at is null then 'a new promise, or another carrier, is for a person' else '' end
        as judgement_reason,
    to_json({
        'transport': snapshot_id,
        'state': state,
        'last_heard_at': strftime(last_heard_at, '%Y-%m-%dT%H:%M:%SZ'),
        'eta_at': strftime(eta_at, '%Y-%m-%dT%H:%M:%SZ')
    }) as evidence
from dated
