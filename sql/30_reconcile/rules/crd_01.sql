-- rule: CRD-01
-- name: HOLD_AGED
-- title: A credit hold waits longer for its decision than it may
-- grain: hold
-- scope: order
-- severity: S2
-- owner: Credit
-- feeds: finance.holds, erp.orders, erp.order_lines
-- also: wms.holds, wms.releases, wms.shipment_lines
-- tolerance: crd_01_grace_business_hours, crd_01_grace_priority_business_hours
-- correction: hold.resolve -> finance
-- class: J
-- source: domain book 2.7; Sterling holds
-- A hold that a site did not obey is CRD-02, however old it is, and waits from when the site obeys. A hold of an order
-- that no longer lives blocks nothing. The hold of a priority order is S1.
with

open_holds as (
    select hold_id, order_id, placed_by, placed_at, snapshot_id
    from canon_holds
    where role = 'finance' and hold_type = 'CREDIT' and status = 'CREATED'
),

acts as (
    select
        releases.order_id,
        releases.node,
        coalesce(releases.acked_at, releases.released_at) as acted_at,
        false as has_left
    from canon_releases as releases
    semi join open_holds on releases.order_id = open_holds.order_id
    where releases.role = 'wms'
    union all
    select releases.order_id, releases.node, releases.picked_at as acted_at, false as has_left
    from canon_releases as releases
    semi join open_holds on releases.order_id = open_holds.order_id
    where releases.role = 'wms' and releases.picked_at is not null
    union all
    select legs.order_id, legs.node, legs.shipped_at as acted_at, true as has_left
    from canon_shipment_lines as legs
    semi join open_holds on legs.order_id = open_holds.order_id
    where legs.role = 'wms' and legs.shipped_qty > 0
),

site_holds as (
    select order_id, node, max(placed_at) as placed_at
    from canon_holds
    where role = 'wms' and status = 'CREATED'
    group by order_id, node
),

disobeyed_holds as (
    select
        open_holds.hold_id,
        max(site_holds.placed_at) as obeyed_at,
        bool_or(acts.has_left or site_holds.order_id is null) as is_leaking
    from open_holds
    inner join acts on open_holds.order_id = acts.order_id and acts.acted_at >= open_holds.placed_at
    left join site_holds on acts.order_id = site_holds.order_id and acts.node = site_holds.node
    group by open_holds.hold_id
),

held_orders as (
    select
        open_holds.hold_id,
        open_holds.order_id,
        open_holds.placed_by,
        greatest(open_holds.placed_at, coalesce(disobeyed_holds.obeyed_at, open_holds.placed_at)) as placed_at,
        open_holds.snapshot_id,
        orders.priority,
        orders.snapshot_id as order_snapshot_id,
        case
            when orders.priority = 'PRIORITY' then $crd_01_grace_priority_business_hours
            else $crd_01_grace_business_hours
        end as grace_hours
    from open_holds
    left join disobeyed_holds on open_holds.hold_id = disobeyed_holds.hold_id
    left join canon_orders as orders on orders.role = 'erp' and open_holds.order_id = orders.order_id
    where coalesce(orders.status, 'OPEN') = 'OPEN' and not coalesce(disobeyed_holds.is_leaking, false)
),

order_amounts as (
    select
        lines.order_id,
        sum((lines.ordered_qty - lines.cancelled_qty) * lines.unit_price) as order_amount,
        max(lines.currency) as currency
    from canon_order_lines as lines
    semi join held_orders on lines.order_id = held_orders.order_id
    where lines.role = 'erp'
    group by lines.order_id
),

deadlines as (
    select
        held_orders.hold_id,
        begun.open_seconds_before
        + least(
            greatest(epoch(held_orders.placed_at) - epoch(begun.opens_at), 0),
            epoch(begun.closes_at) - epoch(begun.opens_at)
        )
        + held_orders.grace_hours * 3600 as open_seconds_due
    from held_orders
    inner join ref_business_days as begun
        on begun.calendar = 'default'
        and held_orders.placed_at >= begun.starts_at
        and held_orders.placed_at < begun.ends_at
),

-- A hold from before the calendar's first day has no row here: it is long overdue.
due_times as (
    select
        deadlines.hold_id,
        to_timestamp(epoch(due.opens_at) + deadlines.open_seconds_due - due.open_seconds_before) as breaks_at
    from deadlines
    inner join ref_business_days as due
        on due.calendar = 'default'
        and deadlines.open_seconds_due > due.open_seconds_before
        and deadlines.open_seconds_due
        <= due.open_seconds_before + epoch(due.closes_at) - epoch(due.opens_at)
)

select
    held_orders.hold_id as business_key,
    '' as node,
    held_orders.order_id as scope_key,
    held_orders.order_id,
    cast(null as bigint) as line_no,
    'RESOLVED or REJECTED' as expected_value,
    'CREATED' as actual_value,
    cast(null as decimal(18, 4)) as delta_qty,
    cast(coalesce(order_amounts.order_amount, 0) as decimal(18, 2)) as value_at_risk_amount,
    coalesce(order_amounts.currency, 'XXX') as currency,
    held_orders.placed_at as condition_since,
    coalesce(due_times.breaks_at, held_orders.placed_at) as breaks_at,
    'hold.resolve' as message,
    'finance' as target_role,
    to_json({'hold_id': held_orders.hold_id, 'order_id': held_orders.order_id}) as payload,
    to_json({'status': 'CREATED'}) as precondition,
    'credit releases or rejects' as judgement_reason,
    to_json({
        'hold': held_orders.snapshot_id,
        'order': held_orders.order_snapshot_id,
        'placed_by': held_orders.placed_by,
        'priority': held_orders.priority
    }) as evidence,
    case when held_orders.priority = 'PRIORITY' then 'S1' else 'S2' end as severity
from held_orders
left join order_amounts on held_orders.order_id = order_amounts.order_id
left join due_times on held_orders.hold_id = due_times.hold_id
