-- rule: INT-03
-- name: LOST_ORDER
-- title: Accepted by a channel, unknown to the ERP
-- grain: order of a channel
-- scope: order
-- severity: S1
-- owner: Integration
-- feeds: channel.orders, channel.order_lines, erp.orders
-- tolerance: int_03_grace_minutes
-- correction: order.create -> erp
-- class: R
-- explains: ordered
-- source: domain book 2.7
with

channel_orders as (
    select order_id, channel, customer_id, customer_po, status, currency, ordered_at, system, snapshot_id
    from canon_orders
    where role = 'channel' and status <> 'CANCELLED'
),

erp_orders as (
    select distinct channel_order_id
    from canon_orders
    where role = 'erp' and channel_order_id is not null
),

ordered as (
    select
        system,
        order_id,
        sum(ordered_qty - cancelled_qty) as ordered_qty,
        sum((ordered_qty - cancelled_qty) * unit_price) as ordered_amount
    from canon_order_lines
    where role = 'channel'
    group by system, order_id
),

lost_orders as (
    select
        channel_orders.order_id,
        channel_orders.channel,
        channel_orders.customer_id,
        channel_orders.customer_po,
        channel_orders.status,
        channel_orders.currency,
        channel_orders.ordered_at,
        channel_orders.system,
        channel_orders.snapshot_id,
        coalesce(ordered.ordered_qty, 0) as ordered_qty,
        coalesce(ordered.ordered_amount, 0) as ordered_amount
    from channel_orders
    left join erp_orders on channel_orders.order_id = erp_orders.channel_order_id
    left join ordered
        on channel_orders.system = ordered.system and channel_orders.order_id = ordered.order_id
    where erp_orders.channel_order_id is null
)

select
    order_id as business_key,
    '' as node,
    order_id as scope_key,
    order_id,
    cast(null as bigint) as line_no,
    cast(cast(ordered_qty as decimal(18, 4)) as varchar) as expected_value,
    '0' as actual_value,
    cast(ordered_qty as decimal(18, 4)) as delta_qty,
    cast(ordered_amount as decimal(18, 2)) as value_at_risk_amount,
    currency,
    ordered_at as condition_since,
    to_timestamp(epoch(ordered_at) + $int_03_grace_minutes * 60) as breaks_at,
    'order.create' as message,
    'erp' as target_role,
    to_json({'channel': channel, 'channel_order_id': order_id}) as payload,
    to_json({'channel_order_id': order_id}) as precondition,
    case when status = 'OPEN' then '' else 'the channel has closed the order' end as judgement_reason,
    to_json({'system': system, 'channel_order': snapshot_id, 'customer_po': customer_po}) as evidence
from lost_orders
