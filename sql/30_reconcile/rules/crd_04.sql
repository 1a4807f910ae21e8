-- rule: CRD-04
-- name: EXPOSURE_BREACH
-- title: A customer owes, or soon will, more than finance lets it, and nothing is on hold
-- grain: customer
-- scope: customer
-- severity: S1
-- owner: Credit
-- feeds: finance.credit_accounts, finance.invoice_lines, finance.holds, erp.orders, erp.order_lines, erp.releases,
--   wms.releases, wms.shipment_lines
-- also: wms.returns, erp.holds
-- confirm: 2
-- correction: hold.apply -> erp
-- class: G
-- source: domain book 2.7: billing of what was shipped is never blocked, so the hold goes to an order not yet released
-- Exposure is what is owed by posted documents, what was shipped and is not posted, and what is released and not
-- shipped; in the account's currency.
with

accounts as (
    select customer_id, credit_limit_amount, open_receivable_amount, currency, snapshot_id
    from canon_credit_accounts
    where role = 'finance'
),

line_exposures as (
    select
        exposures.customer_id,
        exposures.order_id,
        exposures.status,
        exposures.ordered_at,
        exposures.currency,
        exposures.is_released,
        exposures.unposted_amount,
        exposures.released_amount
    from rec_order_exposures as exposures
    semi join accounts on exposures.customer_id = accounts.customer_id
),

exposures as (
    select
        customer_id,
        currency,
        sum(unposted_amount) as unposted_amount,
        sum(case when status = 'OPEN' then released_amount else 0 end) as released_amount
    from line_exposures
    group by customer_id, currency
),

breaches as (
    select
        accounts.customer_id,
        accounts.credit_limit_amount,
        accounts.open_receivable_amount,
        accounts.currency,
        accounts.snapshot_id,
        cast(coalesce(exposures.unposted_amount, 0) as decimal(18, 2)) as unposted_amount,
        cast(coalesce(exposures.released_amount, 0) as decimal(18, 2)) as released_amount,
        cast(
            accounts.open_receivable_amount
            + coalesce(exposures.unposted_amount, 0)
            + coalesce(exposures.released_amount, 0) as decimal(18, 2)
        ) as exposure_amount
    from accounts
    left join exposures
        on accounts.customer_id = exposures.customer_id and accounts.currency = exposures.currency
    where
        accounts.open_receivable_amount
        + coalesce(exposures.unposted_amount, 0)
        + coalesce(exposures.released_amount, 0) > accounts.credit_limit_amount
),

held_customers as (
    select distinct customer_id
    from rec_credit_holds
),

unreleased_orders as (
    select
        line_exposures.customer_id,
        line_exposures.order_id,
        max(line_exposures.ordered_at) as ordered_at
    from line_exposures
    semi join breaches on line_exposures.customer_id = breaches.customer_id
    where line_exposures.status = 'OPEN'
    group by line_exposures.customer_id, line_exposures.order_id
    having not bool_or(line_exposures.is_released)
),

stoppable_orders as (
    select customer_id, max_by(order_id, {'ordered_at': ordered_at, 'order_id': order_id}) as order_id
    from unreleased_orders
    group by customer_id
)

select
    breaches.customer_id as business_key,
    '' as node,
    breaches.customer_id as scope_key,
    cast(null as varchar) as order_id,
    cast(null as bigint) as line_no,
    cast(breaches.credit_limit_amount as varchar) as expected_value,
    cast(breaches.exposure_amount as varchar) as actual_value,
    cast(null as decimal(18, 4)) as delta_qty,
    cast(breaches.exposure_amount - breaches.credit_limit_amount as decimal(18, 2)) as value_at_risk_amount,
    breaches.currency,
    cast(null as timestamptz) as condition_since,
    cast(null as timestamptz) as breaks_at,
    case when stoppable_orders.order_id is null then '' else 'hold.apply' end as message,
    case when stoppable_orders.order_id is null then '' else 'erp' end as target_role,
    to_json({
        'customer_id': breaches.customer_id,
        'order_id': stoppable_orders.order_id,
        'hold_type': 'CREDIT',
        'reason': 'credit limit exceeded'
    }) as payload,
    to_json({'order_id': stoppable_orders.order_id}) as precondition,
    case when stoppable_orders.order_id is null then 'no order waits for its release' else '' end as judgement_reason,
    to_json({
        'account': breaches.snapshot_id,
        'open_receivable_amount': cast(breaches.open_receivable_amount as varchar),
        'unposted_amount': cast(breaches.unposted_amount as varchar),
        'released_amount': cast(breaches.released_amount as varchar)
    }) as evidence
from breaches
anti join held_customers on breaches.customer_id = held_customers.customer_id
left join stoppable_orders on breaches.customer_id = stoppable_orders.customer_id
