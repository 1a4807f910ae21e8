-- rule: INT-02
-- name: DUPLICATE_ORDER
-- title: The same order lives twice in the ERP
-- grain: group of orders of one customer that share a purchase order number or all lines
-- scope: customer
-- severity: S2
-- owner: Order Desk
-- feeds: erp.orders, erp.order_lines, erp.shipment_lines, erp.holds
-- tolerance: int_02_line_set_days
-- correction: hold.apply -> erp, order.cancel -> erp (J)
-- steps: hold.apply, order.cancel
-- class: G
-- explains: ordered
-- source: domain book 2.7
with

candidates as (
    select
        order_id,
        customer_id,
        customer_po,
        ordered_at,
        snapshot_id,
        line_count,
        line_set,
        open_amount,
        currency,
        unshipped_qty,
        {'ordered_at': ordered_at, 'order_id': order_id} as order_key
    from rec_live_orders
),

-- Few orders have a double: only these are put together.
repeated_purchase_orders as (
    select customer_id, customer_po
    from rec_live_orders
    where customer_po is not null
    group by customer_id, customer_po
    having count(*) > 1
),

repeated_line_sets as (
    select customer_id, line_set
    from rec_live_orders
    where line_count > 1
    group by customer_id, line_set
    having count(*) > 1
),

same_purchase_order as (
    select
        customer_id || '/' || customer_po as business_key,
        customer_id,
        count(*) as order_count,
        sum(unshipped_qty) as unshipped_qty,
        max(ordered_at) as last_ordered_at,
        max_by(order_id, order_key) as later_order_id,
        max_by(open_amount, order_key) as later_amount,
        max(currency) as currency,
        max(snapshot_id) as snapshot_id,
        string_agg(order_id, ', ' order by order_id) as order_ids
    from candidates
    semi join repeated_purchase_orders
        on candidates.customer_id = repeated_purchase_orders.customer_id
        and candidates.customer_po = repeated_purchase_orders.customer_po
    group by customer_id, customer_po
),

line_set_gaps as (
    select
        order_id,
        customer_id,
        customer_po,
        ordered_at,
        order_key,
        snapshot_id,
        line_set,
        open_amount,
        currency,
        unshipped_qty,
        case
            when
                epoch(ordered_at)
                - lag(epoch(ordered_at)) over (partition by customer_id, line_set order by ordered_at, order_id)
                <= $int_02_line_set_days * 86400
                then 0
            else 1
        end as starts_run
    from candidates
    semi join repeated_line_sets
        on candidates.customer_id = repeated_line_sets.customer_id
        and candidates.line_set = repeated_line_sets.line_set
    where line_count > 1
),

-- A run is a series of orders with the same lines, each close to the one before; a standing order makes many.
line_set_runs as (
    select
        order_id,
        customer_id,
        customer_po,
        ordered_at,
        order_key,
        snapshot_id,
        line_set,
        open_amount,
        currency,
        unshipped_qty,
        sum(starts_run) over (
            partition by customer_id, line_set
            order by ordered_at, order_id
            rows between unbounded preceding and current row
        ) as run_no
    from line_set_gaps
),

same_lines as (
    select
        customer_id || '/' || md5(line_set) || '/' || min_by(order_id, order_key) as business_key,
        customer_id,
        count(*) as order_count,
        sum(unshipped_qty) as unshipped_qty,
        max(ordered_at) as last_ordered_at,
        max_by(order_id, order_key) as later_order_id,
        max_by(open_amount, order_key) as later_amount,
        max(currency) as currency,
        max(snapshot_id) as snapshot_id,
        string_agg(order_id, ', ' order by order_id) as order_ids
    from line_set_runs
    group by customer_id, line_set, run_no
    having count(*) filter (where customer_po is null) > 0
),

duplicates as (
    select
        business_key,
        customer_id,
        order_count,
        unshipped_qty,
        last_ordered_at,
        later_order_id,
        later_amount,
        currency,
        snapshot_id,
        order_ids
    from same_purchase_order
    union all
    select
        business_key,
        customer_id,
        order_count,
        unshipped_qty,
        last_ordered_at,
        later_order_id,
        later_amount,
        currency,
        snapshot_id,
        order_ids
    from same_lines
),

duplicate_holds as (
    select order_id, is_held_as_duplicate as is_held
    from rec_live_orders
    where is_held_as_duplicate is not null
)

select
    duplicates.business_key,
    '' as node,
    duplicates.customer_id as scope_key,
    duplicates.later_order_id as order_id,
    cast(null as bigint) as line_no,
    '1' as expected_value,
    cast(duplicates.order_count as varchar) as actual_value,
    cast(null as decimal(18, 4)) as delta_qty,
    cast(duplicates.later_amount as decimal(18, 2)) as value_at_risk_amount,
    coalesce(duplicates.currency, 'XXX') as currency,
    duplicates.last_ordered_at as condition_since,
    duplicates.last_ordered_at as breaks_at,
    case when duplicate_holds.is_held then 'order.cancel' else 'hold.apply' end as message,
    'erp' as target_role,
    to_json({
        'order_id': duplicates.later_order_id,
        'hold_type': 'DUPLICATE',
        'reason': 'same order as ' || duplicates.order_ids
    }) as payload,
    to_json({'order_id': duplicates.later_order_id}) as precondition,
    case
        when duplicate_holds.is_held then 'the order desk cancels or merges'
        when duplicate_holds.order_id is not null then 'the order desk has released the order before'
        else ''
    end as judgement_reason,
    to_json({'orders': duplicates.snapshot_id, 'order_ids': duplicates.order_ids}) as evidence
from duplicates
left join duplicate_holds on duplicates.later_order_id = duplicate_holds.order_id
where duplicates.order_count > 1 and duplicates.unshipped_qty > 0
