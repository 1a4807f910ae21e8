-- grain: one row per order line, quantity and system that tells it, for the orders in $order_ids
-- `channel_order_ids` are what the channels call these orders. Quantities are in base units; `snapshot_id` is the last
-- snapshot that changed one of the rows.
with

own_orders as (
    select unnest(cast($order_ids as varchar[])) as order_id
),

named_orders as (
    select order_id
    from own_orders
    union
    select unnest(cast($channel_order_ids as varchar[])) as order_id
),

order_lines as (
    select system, role, order_id, line_no, ordered_qty, cancelled_qty, allocated_qty, snapshot_id
    from canon_order_lines
    where order_id in (select order_id from named_orders)
),

releases as (
    select
        system,
        role,
        order_id,
        line_no,
        sum(released_qty) as released_qty,
        sum(picked_qty) as picked_qty,
        max(snapshot_id) as snapshot_id
    from canon_releases
    where order_id in (select order_id from own_orders)
    group by system, role, order_id, line_no
),

packs as (
    select
        system,
        role,
        order_id,
        line_no,
        sum(packed_qty) as packed_qty,
        max(snapshot_id) as snapshot_id
    from canon_packs
    where order_id in (select order_id from own_orders)
    group by system, role, order_id, line_no
),

legs as (
    select
        system,
        role,
        order_id,
        line_no,
        sum(shipped_qty) as shipped_qty,
        max(snapshot_id) as snapshot_id
    from canon_shipment_lines
    where order_id in (select order_id from own_orders)
    group by system, role, order_id, line_no
),

deliveries as (
    select
        system,
        role,
        order_id,
        line_no,
        sum(delivered_qty) as delivered_qty,
        max(snapshot_id) as snapshot_id
    from canon_delivery_lines
    where order_id in (select order_id from own_orders)
    group by system, role, order_id, line_no
),

returns as (
    select
        system,
        role,
        order_id,
        line_no,
        sum(returned_qty) as returned_qty,
        max(snapshot_id) as snapshot_id
    from canon_returns
    where order_id in (select order_id from own_orders)
    group by system, role, order_id, line_no
),

bills as (
    select
        system,
        role,
        order_id,
        line_no,
        sum(case when document_type = 'INVOICE' then invoiced_qty end) as invoiced_qty,
        sum(case when document_type = 'CREDIT_MEMO' then invoiced_qty end) as credited_qty,
        max(snapshot_id) as snapshot_id
    from rec_billed_lines
    where order_id in (select order_id from own_orders) and status <> 'VOID'
    group by system, role, order_id, line_no
),

quantities as (
    select order_id, line_no, 1 as step, 'ordered' as quantity, system, role, ordered_qty as value_qty, snapshot_id
    from order_lines
    union all
    select order_id, line_no, 2 as step, 'cancelled' as quantity, system, role, cancelled_qty as value_qty, snapshot_id
    from order_lines
    union all
    select order_id, line_no, 3 as step, 'allocated' as quantity, system, role, allocated_qty as value_qty, snapshot_id
    from order_lines
    union all
    select order_id, line_no, 4 as step, 'released' as quantity, system, role, released_qty as value_qty, snapshot_id
    from releases
    union all
    select order_id, line_no, 5 as step, 'picked' as quantity, system, role, picked_qty as value_qty, snapshot_id
    from releases
    union all
    select order_id, line_no, 6 as step, 'packed' as quantity, system, role, packed_qty as value_qty, snapshot_id
    from packs
    union all
    select order_id, line_no, 7 as step, 'shipped' as quantity, system, role, shipped_qty as value_qty, snapshot_id
    from legs
    union all
    select order_id, line_no, 8 as step, 'delivered' as quantity, system, role, delivered_qty as value_qty, snapshot_id
    from deliveries
    union all
    select order_id, line_no, 9 as step, 'returned' as quantity, system, role, returned_qty as value_qty, snapshot_id
    from returns
    union all
    select order_id, line_no, 10 as step, 'invoiced' as quantity, system, role, invoiced_qty as value_qty, snapshot_id
    from bills
    union all
    select order_id, line_no, 11 as step, 'credited' as quantity, system, role, credited_qty as value_qty, snapshot_id
    from bills
)

select order_id, line_no, quantity, system, role, cast(value_qty as decimal(18, 4)) as value_qty, snapshot_id
from quantities
where value_qty is not null
order by order_id, line_no, step, role, system
