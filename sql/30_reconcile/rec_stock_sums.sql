-- grain: one row per item and node that an order line, a leg, a release or a reservation names
-- What all of them say of an item, settled or not. An incremental run adds and takes away the rows that have changed
-- instead of reading all that ever named the item.
-- adds: row_count bigint; departed_qty decimal(18, 4); confirmed_qty decimal(18, 4); released_qty decimal(18, 4);
--     reservation_count bigint; reserved_for_orders_qty decimal(18, 4); allocated_qty decimal(18, 4);
--     demanded_qty decimal(18, 4)
with

legs as (
    select
        node,
        sku,
        count(*) as row_count,
        sum(case when role = 'wms' then shipped_qty else 0 end) as departed_qty,
        sum(case when role = 'erp' then shipped_qty else 0 end) as confirmed_qty
    from canon_shipment_lines
    where role in ('erp', 'wms')
    group by node, sku
),

releases as (
    select node, sku, count(*) as row_count, sum(released_qty) as released_qty
    from canon_releases
    where role = 'wms'
    group by node, sku
),

reservations as (
    select
        node,
        sku,
        count(*) as row_count,
        sum(case when order_id is null then 0 else reserved_qty end) as reserved_for_orders_qty
    from canon_reservations
    where role = 'wms'
    group by node, sku
),

-- What one order line has allocated counts up to what it asks for; the rest is INV-03.
demand as (
    select
        node,
        sku,
        count(*) as row_count,
        sum(least(coalesce(allocated_qty, 0), ordered_qty - cancelled_qty)) as allocated_qty,
        sum(ordered_qty - cancelled_qty) as demanded_qty
    from canon_order_lines
    where role = 'erp'
    group by node, sku
),

parts as (
    select
        node, sku, row_count, departed_qty, confirmed_qty, 0 as released_qty, 0 as reservation_count,
        0 as reserved_for_orders_qty, 0 as allocated_qty, 0 as demanded_qty
    from legs
    union all
    select
        node, sku, row_count, 0 as departed_qty, 0 as confirmed_qty, released_qty, 0 as reservation_count,
        0 as reserved_for_orders_qty, 0 as allocated_qty, 0 as demanded_qty
    from releases
    union all
    select
        node, sku, row_count, 0 as departed_qty, 0 as confirmed_qty, 0 as released_qty, row_count as reservation_count,
        reserved_for_orders_qty, 0 as allocated_qty, 0 as demanded_qty
    from reservations
    union all
    select
        node, sku, row_count, 0 as departed_qty, 0 as confirmed_qty, 0 as released_qty, 0 as reservation_count,
        0 as reserved_for_orders_qty, allocated_qty, demanded_qty
    from demand
)

select
    node,
    sku,
    cast(sum(row_count) as bigint) as row_count,
    cast(sum(departed_qty) as decimal(18, 4)) as departed_qty,
    cast(sum(confirmed_qty) as decimal(18, 4)) as confirmed_qty,
    cast(sum(released_qty) as decimal(18, 4)) as released_qty,
    cast(sum(reservation_count) as bigint) as reservation_count,
    cast(sum(reserved_for_orders_qty) as decimal(18, 4)) as reserved_for_orders_qty,
    cast(sum(allocated_qty) as decimal(18, 4)) as allocated_qty,
    cast(sum(demanded_qty) as decimal(18, 4)) as demanded_qty
from parts
where node is not null and sku is not null
group by node, sku
