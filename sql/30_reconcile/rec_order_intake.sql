-- grain: one row per line of a live channel order that the ERP does not know; one without a line for an order of none
-- Why an order did not get in: what it lacks (INT-01), which number of a partner stands for nothing (INT-05), or
-- neither, and it was lost (INT-03). A field is asked for where the ERP's master data that it is held against is
-- declared.
-- scope: order
with

masters as (
    select
        count(*) filter (where contract = 'customers') > 0 as has_customers,
        count(*) filter (where contract = 'customer_locations') > 0 as has_locations,
        count(*) filter (where contract = 'items') > 0 as has_items
    from ref_feeds
    where role = 'erp'
),

erp_orders as (
    select distinct channel_order_id
    from canon_orders
    where role = 'erp' and channel_order_id is not null
),

waiting_orders as (
    select
        orders.system,
        orders.order_id,
        orders.customer_id,
        orders.customer_po,
        orders.ship_to_id,
        orders.payment_terms,
        orders.ordered_at,
        orders.requested_at,
        orders.currency,
        orders.snapshot_id
    from canon_orders as orders
    anti join erp_orders on orders.order_id = erp_orders.channel_order_id
    where orders.role = 'channel' and orders.status <> 'CANCELLED'
),

waiting_lines as (
    select
        lines.system,
        lines.order_id,
        lines.line_no,
        lines.sku,
        lines.foreign_sku,
        lines.ordered_qty,
        lines.cancelled_qty,
        lines.unit_price,
        lines.snapshot_id
    from canon_order_lines as lines
    semi join waiting_orders on lines.system = waiting_orders.system and lines.order_id = waiting_orders.order_id
    where lines.role = 'channel'
),

known_customers as (
    select distinct customer_id
    from canon_customers
    where role = 'erp'
),

known_locations as (
    select distinct customer_id, ship_to_id
    from canon_customer_locations
    where role = 'erp'
),

known_items as (
    select distinct sku
    from canon_items
    where role = 'erp'
),

judged_orders as (
    select
        waiting_orders.system,
        waiting_orders.order_id,
        waiting_orders.customer_id,
        waiting_orders.ordered_at,
        waiting_orders.currency,
        waiting_orders.snapshot_id,
        case
            when not masters.has_customers then ''
            when waiting_orders.customer_id is null then 'sold-to is missing'
            when known_customers.customer_id is null then 'sold-to is unknown'
            when masters.has_locations and waiting_orders.ship_to_id is null then 'ship-to is missing'
            when masters.has_locations and known_locations.ship_to_id is null then 'ship-to is unknown'
            when waiting_orders.customer_po is null then 'purchase order number is missing'
            when waiting_orders.payment_terms is null then 'terms of payment are missing'
            when waiting_orders.requested_at < waiting_orders.ordered_at then 'requested before it was ordered'
            else ''
        end as order_problem
    from waiting_orders
    cross join masters
    left join known_customers on waiting_orders.customer_id = known_customers.customer_id
    left join known_locations
        on waiting_orders.customer_id = known_locations.customer_id
        and waiting_orders.ship_to_id = known_locations.ship_to_id
),

judged_lines as (
    select
        waiting_lines.system,
        waiting_lines.order_id,
        waiting_lines.line_no,
        waiting_lines.sku,
        waiting_lines.foreign_sku,
        waiting_lines.ordered_qty - waiting_lines.cancelled_qty as open_qty,
        waiting_lines.unit_price,
        waiting_lines.snapshot_id,
        waiting_lines.sku is null and waiting_lines.foreign_sku is not null as is_unmapped,
        case
            when not masters.has_items then ''
            when waiting_lines.ordered_qty <= 0 then 'nothing is ordered'
            when waiting_lines.sku is null and waiting_lines.foreign_sku is null then 'item is missing'
            when waiting_lines.sku is not null and known_items.sku is null then 'item is unknown'
            else ''
        end as line_problem
    from waiting_lines
    cross join masters
    left join known_items on waiting_lines.sku = known_items.sku
)

select
    judged_orders.order_id as scope_key,
    judged_orders.system,
    judged_orders.order_id,
    judged_lines.line_no,
    judged_orders.customer_id,
    judged_lines.foreign_sku,
    judged_orders.order_problem,
    coalesce(judged_lines.line_problem, '') as line_problem,
    case
        when
            judged_lines.is_unmapped
            and judged_orders.order_problem not in ('sold-to is missing', 'sold-to is unknown')
            then 'ITEM/' || coalesce(judged_orders.customer_id, '') || '/' || judged_lines.foreign_sku
        else ''
    end as reference_key,
    cast(coalesce(judged_lines.open_qty, 0) as decimal(18, 4)) as open_qty,
    cast(coalesce(judged_lines.open_qty * judged_lines.unit_price, 0) as decimal(18, 2)) as open_amount,
    judged_orders.currency,
    judged_orders.ordered_at,
    judged_orders.snapshot_id as order_snapshot_id,
    judged_lines.snapshot_id as line_snapshot_id
from judged_orders
left join judged_lines
    on judged_orders.system = judged_lines.system and judged_orders.order_id = judged_lines.order_id
