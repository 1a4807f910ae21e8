-- rule: SHP-06
-- name: PHANTOM_SHIPMENT
-- title: The ERP, or a ship notice, speaks of a leg that no warehouse sent and no carrier has
-- grain: shipment leg of an order line
-- scope: order
-- severity: S1
-- owner: Site
-- feeds: erp.shipment_lines, wms.shipment_lines
-- also: channel.shipment_lines, carrier.transports, carrier.shipment_milestones
-- tolerance: shp_06_grace_hours
-- correction: ship.reverse -> erp
-- class: J
-- explains: shipped, billed
-- source: domain book 2.7; GS1 CBV did_not_occur, void_shipping
-- Only a site whose warehouse is declared can be missed. A carrier that was told of a leg and never moved it has not
-- seen it.
with

booked_legs as (
    select shipment_id, order_id, line_no, node, sku, role, shipped_qty, shipped_at, confirmed_at, system, snapshot_id
    from canon_shipment_lines
    where role in ('erp', 'channel') and shipped_qty > 0
),

departed_legs as (
    select shipment_id, order_id, line_no
    from canon_shipment_lines
    where role = 'wms' and shipped_qty > 0
),

unsent_legs as (
    select
        booked_legs.shipment_id,
        booked_legs.order_id,
        booked_legs.line_no,
        booked_legs.node,
        max(booked_legs.sku) as sku,
        max(booked_legs.shipped_qty) as booked_qty,
        min(coalesce(booked_legs.confirmed_at, booked_legs.shipped_at)) as booked_at,
        count(*) filter (where booked_legs.role = 'erp') > 0 as is_confirmed,
        string_agg(distinct booked_legs.system, ', ' order by booked_legs.system) as systems,
        max(booked_legs.snapshot_id) as snapshot_id
    from booked_legs
    anti join departed_legs
        on booked_legs.shipment_id = departed_legs.shipment_id
        and booked_legs.order_id = departed_legs.order_id
        and booked_legs.line_no = departed_legs.line_no
    group by booked_legs.shipment_id, booked_legs.order_id, booked_legs.line_no, booked_legs.node
),

warehouses as (
    select distinct node
    from ref_feeds
    where role = 'wms' and contract = 'shipment_lines'
),

carried_shipments as (
    select transports.shipment_id
    from canon_transports as transports
    semi join unsent_legs on transports.shipment_id = unsent_legs.shipment_id
    where transports.role = 'carrier' and transports.departed_at is not null
    union
    select milestones.shipment_id
    from canon_shipment_milestones as milestones
    semi join unsent_legs on milestones.shipment_id = unsent_legs.shipment_id
    where
        milestones.role = 'carrier'
        and milestones.declared_error is null
        and milestones.milestone not in ('PLANNED', 'TENDERED', 'LABELLED', 'VOIDED')
),

phantom_legs as (
    select
        unsent_legs.shipment_id,
        unsent_legs.order_id,
        unsent_legs.line_no,
        unsent_legs.node,
        unsent_legs.sku,
        unsent_legs.booked_qty,
        unsent_legs.booked_at,
        unsent_legs.is_confirmed,
        unsent_legs.systems,
        unsent_legs.snapshot_id,
        coalesce(lines.unit_price, 0) as unit_price,
        coalesce(lines.currency, 'XXX') as currency
    from unsent_legs
    anti join carried_shipments on unsent_legs.shipment_id = carried_shipments.shipment_id
    semi join warehouses on warehouses.node = '' or unsent_legs.node = warehouses.node
    left join canon_order_lines as lines
        on lines.role = 'erp' and unsent_legs.order_id = lines.order_id and unsent_legs.line_no = lines.line_no
)

select
    shipment_id || '/' || order_id || '/' || line_no as business_key,
    node,
    order_id as scope_key,
    order_id,
    line_no,
    '0' as expected_value,
    cast(booked_qty as varchar) as actual_value,
    cast(-booked_qty as decimal(18, 4)) as delta_qty,
    cast(booked_qty * unit_price as decimal(18, 2)) as value_at_risk_amount,
    currency,
    booked_at as condition_since,
    to_timestamp(epoch(booked_at) + $shp_06_grace_hours * 3600) as breaks_at,
    case when is_confirmed then 'ship.reverse' else '' end as message,
    case when is_confirmed then 'erp' else '' end as target_role,
    to_json({
        'shipment_id': shipment_id,
        'order_id': order_id,
        'line_no': line_no,
        'node': node,
        'sku': sku,
        'shipped_qty': cast(booked_qty as varchar)
    }) as payload,
    to_json({'shipped_qty': cast(booked_qty as varchar)}) as precondition,
    case
        when is_confirmed then 'a booked shipment is reversed by a person'
        else 'the partner was told of goods that did not leave'
    end as judgement_reason,
    to_json({'systems': systems, 'booked': snapshot_id}) as evidence
from phantom_legs
