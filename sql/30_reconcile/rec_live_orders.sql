-- grain: one row per open order of the ERP that has lines
-- What tells one live order of a customer from another: its purchase order number, or all its lines (INT-02). Orders
-- that are over are not among them, however many there are.
-- scope: order
-- always: customer_id
with

live_orders as (
    select order_id, customer_id, customer_po, ordered_at, snapshot_id
    from canon_orders
    where role = 'erp' and status = 'OPEN' and customer_id is not null
),

line_sets as (
    select
        lines.order_id,
        count(*) as line_count,
        string_agg(
            lines.sku || ':' || cast(lines.ordered_qty as varchar), ',' order by lines.sku, lines.ordered_qty
        ) as line_set,
        sum(lines.ordered_qty - lines.cancelled_qty) as open_qty,
        sum((lines.ordered_qty - lines.cancelled_qty) * lines.unit_price) as open_amount,
        max(lines.currency) as currency
    from canon_order_lines as lines
    semi join live_orders on lines.order_id = live_orders.order_id
    where lines.role = 'erp'
    group by lines.order_id
),

shipped_orders as (
    select legs.order_id, sum(legs.shipped_qty) as shipped_qty
    from canon_shipment_lines as legs
    semi join live_orders on legs.order_id = live_orders.order_id
    where legs.role = 'erp'
    group by legs.order_id
),

candidates as (
    select
        live_orders.order_id,
        live_orders.customer_id,
        live_orders.customer_po,
        live_orders.ordered_at,
        live_orders.snapshot_id,
        line_sets.line_count,
        line_sets.line_set,
        line_sets.open_amount,
        line_sets.currency,
        greatest(line_sets.open_qty - coalesce(shipped_orders.shipped_qty, 0), 0) as unshipped_qty
    from live_orders
    inner join line_sets on live_orders.order_id = line_sets.order_id
    left join shipped_orders on live_orders.order_id = shipped_orders.order_id
),

duplicate_holds as (
    select order_id, count(*) filter (where status = 'CREATED') > 0 as is_held
    from canon_holds
    where role = 'erp' and hold_type = 'DUPLICATE'
    group by order_id
)

select
    candidates.order_id as scope_key,
    candidates.order_id,
    candidates.customer_id,
    candidates.customer_po,
    candidates.ordered_at,
    candidates.snapshot_id,
    candidates.line_count,
    candidates.line_set,
    cast(candidates.open_amount as decimal(38, 8)) as open_amount,
    candidates.currency,
    cast(candidates.unshipped_qty as decimal(18, 4)) as unshipped_qty,
    duplicate_holds.is_held as is_held_as_duplicate
from candidates
left join duplicate_holds on candidates.order_id = duplicate_holds.order_id
