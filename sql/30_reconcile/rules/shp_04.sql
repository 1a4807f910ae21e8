-- rule: SHP-04
-- name: DELIVERY_EXCEPTION
-- title: The delivery failed, or less or damaged goods arrived
-- grain: shipment leg
-- scope: shipment
-- severity: S1
-- owner: Customer Service
-- feeds: carrier.shipment_milestones, wms.shipment_lines, erp.order_lines
-- also: carrier.transports, carrier.delivery_lines, crm.customer_cases
-- tolerance: shp_04_grace_minutes
-- correction: case.create -> crm
-- steps: case.create, none
-- class: N
-- explains: delivered
-- source: domain book 2.7; X12 1650 A7, A9, AH, AP, A3; project44 DELIVERY_MISSED
-- Over when the goods were delivered after all, or when customer service has accepted the claim: the credit is FIN-05.
-- Customer service gets a case; what the customer then gets, another delivery or a credit, is for a person.
with

failed_legs as (
    select shipment_id, state, failed_at as condition_since, snapshot_id
    from rec_shipment_states
    where
        state in (
            'ATTEMPTED', 'DELIVERY_MISSED', 'LOST', 'DELIVERED_WITH_EXCEPTION', 'REFUSED', 'RETURNED'
        )
),

proofs as (
    select
        departed.shipment_id,
        sum(greatest(departed.shipped_qty - proof.delivered_qty, 0)) as missing_qty,
        sum(coalesce(proof.damaged_qty, 0)) as damaged_qty,
        max(proof.delivered_at) as delivered_at,
        max(proof.snapshot_id) as snapshot_id
    from canon_delivery_lines as proof
    inner join canon_shipment_lines as departed
        on departed.role = 'wms'
        and proof.shipment_id = departed.shipment_id
        and proof.order_id = departed.order_id
        and proof.line_no = departed.line_no
    where
        proof.role = 'carrier'
        and (departed.shipped_qty > proof.delivered_qty or coalesce(proof.damaged_qty, 0) > 0)
    group by departed.shipment_id
),

cases as (
    select
        shipment_id,
        sum(case when status = 'OPEN' then 1 else 0 end) as open_cases,
        sum(case when accepted_at is not null then 1 else 0 end) as accepted_claims
    from canon_customer_cases
    where role = 'crm' and shipment_id is not null
    group by shipment_id
),

exceptions as (
    select
        coalesce(failed_legs.shipment_id, proofs.shipment_id) as shipment_id,
        failed_legs.state,
        coalesce(failed_legs.condition_since, proofs.delivered_at) as condition_since,
        failed_legs.state is null or failed_legs.state = 'DELIVERED_WITH_EXCEPTION' as is_delivered,
        coalesce(proofs.missing_qty, 0) as missing_qty,
        coalesce(proofs.damaged_qty, 0) as damaged_qty,
        failed_legs.snapshot_id as transport_snapshot_id,
        proofs.snapshot_id as proof_snapshot_id
    from failed_legs
    full outer join proofs on failed_legs.shipment_id = proofs.shipment_id
),

legs as (
    select
        departed.shipment_id,
        min(departed.node) as node,
        min(departed.order_id) as first_order_id,
        case when count(*) = 1 then min(departed.line_no) end as line_no,
        sum(departed.shipped_qty) as departed_qty,
        sum(departed.shipped_qty * lines.unit_price) as departed_amount,
        max(lines.unit_price) as unit_price,
        max(lines.currency) as currency
    from canon_shipment_lines as departed
    semi join exceptions on departed.shipment_id = exceptions.shipment_id
    left join canon_order_lines as lines
        on lines.role = 'erp' and departed.order_id = lines.order_id and departed.line_no = lines.line_no
    where departed.role = 'wms'
    group by departed.shipment_id
),

open_exceptions as (
    select
        exceptions.shipment_id,
        coalesce(legs.node, '') as node,
        legs.first_order_id,
        legs.line_no,
        exceptions.condition_since,
        exceptions.is_delivered,
        legs.departed_qty,
        case
            when exceptions.is_delivered then legs.departed_qty - exceptions.missing_qty - exceptions.damaged_qty
            else 0
        end as accepted_qty,
        coalesce(legs.departed_amount, 0) as departed_amount,
        coalesce(legs.unit_price, 0) as unit_price,
        coalesce(legs.currency, 'XXX') as currency,
        case
            when not exceptions.is_delivered then exceptions.state
            when exceptions.damaged_qty > 0 then 'delivered damaged'
            when exceptions.missing_qty > 0 then 'delivered short'
            else exceptions.state
        end as problem,
        coalesce(cases.open_cases, 0) > 0 as has_case,
        exceptions.transport_snapshot_id,
        exceptions.proof_snapshot_id
    from exceptions
    inner join legs on exceptions.shipment_id = legs.shipment_id
    left join cases on exceptions.shipment_id = cases.shipment_id
    where coalesce(cases.accepted_claims, 0) = 0
)

select
    shipment_id as business_key,
    node,
    shipment_id as scope_key,
    first_order_id as order_id,
    line_no,
    cast(cast(departed_qty as decimal(18, 4)) as varchar) as expected_value,
    problem as actual_value,
    cast(departed_qty - accepted_qty as decimal(18, 4)) as delta_qty,
    cast(
        case when is_delivered then (departed_qty - accepted_qty) * unit_price else departed_amount end
        as decimal(18, 2)
    ) as value_at_risk_amount,
    currency,
    condition_since,
    to_timestamp(epoch(condition_since) + $shp_04_grace_minutes * 60) as breaks_at,
    case when has_case then '' else 'case.create' end as message,
    case when has_case then '' else 'crm' end as target_role,
    to_json({
        'order_id': first_order_id,
        'line_no': line_no,
        'shipment_id': shipment_id,
        'case_type': 'DELIVERY',
        'reason': problem,
        'missing_qty': cast(cast(departed_qty - accepted_qty as decimal(18, 4)) as varchar)
    }) as payload,
    to_json({'accepted_qty': cast(cast(accepted_qty as decimal(18, 4)) as varchar)}) as precondition,
    case when has_case then 'a new delivery, a credit or a claim is for a person' else '' end as judgement_reason,
    to_json({
        'milestone': transport_snapshot_id, 'proof_of_delivery': proof_snapshot_id, 'problem': problem
    }) as evidence
from open_exceptions
