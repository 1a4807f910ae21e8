-- rule: INT-03
-- name: LOST_ORDER
-- title: Accepted by a channel, unknown to the ERP
-- grain: order of a channel
-- scope: order
-- severity: S1
-- owner: Integration
-- feeds: channel.orders, channel.order_lines, erp.orders
-- also: erp.customers, erp.customer_locations, erp.items
-- tolerance: int_03_grace_minutes, int_03_grace_edi_minutes
-- correction: order.create -> erp
-- class: R
-- explains: ordered
-- lag: order.intake
-- source: domain book 2.7
-- An order that waits for something it lacks is not lost: it is INT-01, or INT-05 where a partner's number stands for
-- nothing.
with

waiting_orders as (
    select
        system,
        order_id,
        sum(open_qty) as ordered_qty,
        sum(open_amount) as ordered_amount
    from rec_order_intake
    group by system, order_id
    having max(order_problem) = '' and max(line_problem) = '' and max(reference_key) = ''
),

lost_orders as (
    select
        channel_orders.order_id,
        channel_orders.channel,
        channel_orders.customer_po,
        channel_orders.status,
        channel_orders.currency,
        channel_orders.ordered_at,
        channel_orders.system,
        channel_orders.snapshot_id,
        waiting_orders.ordered_qty,
        waiting_orders.ordered_amount,
        case
            when channel_orders.channel = 'EDI' then $int_03_grace_edi_minutes
            else $int_03_grace_minutes
        end as grace_minutes
    from waiting_orders
    inner join canon_orders as channel_orders
        on channel_orders.role = 'channel'
        and waiting_orders.system = channel_orders.system
        and waiting_orders.order_id = channel_orders.order_id
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
    to_timestamp(epoch(ordered_at) + grace_minutes * 60) as breaks_at,
    'order.create' as message,
    'erp' as target_role,
    to_json({'channel': channel, 'channel_order_id': order_id}) as payload,
    to_json({'channel_order_id': order_id}) as precondition,
    case when status = 'OPEN' then '' else 'the channel has closed the order' end as judgement_reason,
    to_json({'system': system, 'channel_order': snapshot_id, 'customer_po': customer_po}) as evidence
from lost_orders
