-- rule: INT-01
-- name: INCOMPLETE_ORDER
-- title: An order of a channel lacks what the ERP needs to take it in
-- grain: order of a channel
-- scope: order
-- severity: S3
-- owner: Order Desk
-- feeds: channel.orders, channel.order_lines, erp.orders, erp.customers, erp.customer_locations, erp.items
-- class: J
-- explains: ordered
-- source: domain book 2.7; X12 855 IF
-- Completeness is asked at intake, whatever the channel. What the ERP has taken in is complete enough for it.
with

incomplete_orders as (
    select
        order_id,
        min(system) as system,
        max(intake.order_problem) as order_problem,
        string_agg('line ' || intake.line_no || ': ' || intake.line_problem, ', ' order by intake.line_no)
            filter (where intake.line_problem <> '') as line_problems,
        sum(open_qty) as open_qty,
        sum(open_amount) as open_amount,
        max(currency) as currency,
        min(ordered_at) as ordered_at,
        max(order_snapshot_id) as order_snapshot_id,
        max(line_snapshot_id) as line_snapshot_id
    from rec_order_intake as intake
    group by order_id
    having max(intake.order_problem) <> '' or max(intake.line_problem) <> ''
)

select
    order_id as business_key,
    '' as node,
    order_id as scope_key,
    order_id,
    cast(null as bigint) as line_no,
    'complete' as expected_value,
    case when order_problem <> '' then order_problem else line_problems end as actual_value,
    cast(open_qty as decimal(18, 4)) as delta_qty,
    cast(open_amount as decimal(18, 2)) as value_at_risk_amount,
    currency,
    ordered_at as condition_since,
    ordered_at as breaks_at,
    '' as message,
    '' as target_role,
    to_json({'channel_order_id': order_id}) as payload,
    to_json({'channel_order_id': order_id}) as precondition,
    'the order desk completes the order with the customer' as judgement_reason,
    to_json({
        'system': system,
        'order': order_snapshot_id,
        'lines': line_snapshot_id,
        'order_problem': order_problem,
        'line_problems': line_problems
    }) as evidence
from incomplete_orders
