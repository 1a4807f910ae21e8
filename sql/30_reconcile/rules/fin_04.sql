-- rule: FIN-04
-- name: INVOICE_PRICE_VARIANCE
-- title: Charged another amount than the order's items and freight
-- grain: order
-- scope: order
-- severity: S2
-- owner: Pricing
-- feeds: channel.orders, channel.order_lines, finance.charges
-- tolerance: fin_04_tolerance_amount
-- class: J
-- source: domain book 2.7, for systems that charge whole orders
with

order_amounts as (
    select
        order_id,
        sum((ordered_qty - cancelled_qty) * unit_price + coalesce(freight_amount, 0)) as ordered_amount,
        max(snapshot_id) as snapshot_id
    from canon_order_lines
    where role = 'channel'
    group by order_id
),

charges as (
    select
        order_id,
        sum(charged_amount) as charged_amount,
        count(*) as charge_count,
        max(snapshot_id) as snapshot_id
    from canon_charges
    where role = 'finance'
    group by order_id
),

received as (
    select order_id, status, ordered_at, currency
    from canon_orders
    where role = 'channel'
),

amounts as (
    select
        coalesce(order_amounts.order_id, charges.order_id) as order_id,
        cast(coalesce(order_amounts.ordered_amount, 0) as decimal(18, 2)) as ordered_amount,
        cast(coalesce(charges.charged_amount, 0) as decimal(18, 2)) as charged_amount,
        coalesce(charges.charge_count, 0) as charge_count,
        order_amounts.snapshot_id as order_snapshot_id,
        charges.snapshot_id as charge_snapshot_id
    from order_amounts
    full outer join charges on order_amounts.order_id = charges.order_id
),

variances as (
    select
        amounts.order_id,
        amounts.ordered_amount,
        amounts.charged_amount,
        amounts.charge_count,
        coalesce(received.currency, 'XXX') as currency,
        received.ordered_at,
        amounts.order_snapshot_id,
        amounts.charge_snapshot_id
    from amounts
    left join received on amounts.order_id = received.order_id
    where
        abs(amounts.ordered_amount - amounts.charged_amount) > $fin_04_tolerance_amount
        and (amounts.charge_count > 0 or coalesce(received.status, 'OPEN') <> 'CANCELLED')
)

select
    order_id as business_key,
    '' as node,
    order_id as scope_key,
    order_id,
    cast(null as bigint) as line_no,
    cast(ordered_amount as varchar) as expected_value,
    cast(charged_amount as varchar) as actual_value,
    cast(null as decimal(18, 4)) as delta_qty,
    cast(abs(ordered_amount - charged_amount) as decimal(18, 2)) as value_at_risk_amount,
    currency,
    ordered_at as condition_since,
    ordered_at as breaks_at,
    '' as message,
    '' as target_role,
    to_json({'order_id': order_id}) as payload,
    to_json({'charged_amount': cast(charged_amount as varchar)}) as precondition,
    'prices and charges are judgements' as judgement_reason,
    to_json({
        'order': order_snapshot_id,
        'charges': charge_snapshot_id,
        'charge_count': charge_count
    }) as evidence
from variances
