-- rule: WHS-03
-- name: MILESTONE_GAP
-- title: A milestone is missing, or later than the one that follows it
-- grain: pair of milestones of an order
-- scope: order
-- severity: S3
-- owner: Site
-- feeds: channel.orders, carrier.milestones
-- class: J
-- source: domain book 2.7; GS1 CBV completeness_inferred
with

order_milestones as (
    select
        order_id,
        max(occurred_at) filter (where milestone = 'PURCHASED') as purchased_at,
        max(occurred_at) filter (where milestone = 'APPROVED') as approved_at,
        max(occurred_at) filter (where milestone = 'HANDED_OVER') as handed_over_at,
        max(occurred_at) filter (where milestone = 'DELIVERED') as delivered_at,
        max(snapshot_id) as snapshot_id
    from canon_milestones
    where role = 'carrier'
    group by order_id
),

closed_orders as (
    select order_id
    from canon_orders
    where role = 'channel' and status = 'CLOSED'
),

gaps as (
    select
        closed_orders.order_id,
        'CLOSED without DELIVERED' as gap,
        coalesce(
            order_milestones.handed_over_at, order_milestones.approved_at, order_milestones.purchased_at
        ) as condition_since,
        order_milestones.snapshot_id
    from closed_orders
    left join order_milestones on closed_orders.order_id = order_milestones.order_id
    where order_milestones.delivered_at is null
    union all
    select
        order_id,
        'DELIVERED without HANDED_OVER' as gap,
        delivered_at as condition_since,
        snapshot_id
    from order_milestones
    where delivered_at is not null and handed_over_at is null
    union all
    select
        order_id,
        'HANDED_OVER without APPROVED' as gap,
        handed_over_at as condition_since,
        snapshot_id
    from order_milestones
    where handed_over_at is not null and approved_at is null
    union all
    select
        order_id,
        'DELIVERED before HANDED_OVER' as gap,
        delivered_at as condition_since,
        snapshot_id
    from order_milestones
    where delivered_at < handed_over_at
    union all
    select
        order_id,
        'HANDED_OVER before APPROVED' as gap,
        handed_over_at as condition_since,
        snapshot_id
    from order_milestones
    where handed_over_at < approved_at
    union all
    select
        order_id,
        'APPROVED before PURCHASED' as gap,
        approved_at as condition_since,
        snapshot_id
    from order_milestones
    where approved_at < purchased_at
)

select
    order_id || '/' || gap as business_key,
    '' as node,
    order_id as scope_key,
    order_id,
    cast(null as bigint) as line_no,
    'milestones in order' as expected_value,
    gap as actual_value,
    cast(null as decimal(18, 4)) as delta_qty,
    cast(0 as decimal(18, 2)) as value_at_risk_amount,
    'XXX' as currency,
    condition_since,
    condition_since as breaks_at,
    '' as message,
    '' as target_role,
    to_json({'order_id': order_id}) as payload,
    to_json({'gap': gap}) as precondition,
    'a milestone is never invented' as judgement_reason,
    to_json({'milestones': snapshot_id, 'gap': gap}) as evidence
from gaps
