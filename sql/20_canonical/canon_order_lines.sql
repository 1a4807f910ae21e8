-- grain: one row per order line in one system
-- Quantities are in base units: by the item's own factor, else by the general one. A row whose unit has neither
-- never gets here: admission quarantines it. Where a customer gives its own item number alone, the item is the one that
-- this number of the order's customer stands for; one that stands for none, or for several, leaves it empty (INT-05).
-- key: system, source_key
with

foreign_items as (
    select distinct system, order_id, foreign_sku
    from feed_order_lines
    where sku is null and foreign_sku is not null
),

-- Few orders say so, and all others have a customer with many numbers: they are left out before those are joined.
their_orders as (
    select orders.system, orders.order_id, orders.customer_id
    from canon_orders as orders
    where orders.order_id in (select foreign_items.order_id from foreign_items)
),

item_numbers as (
    select
        foreign_items.system,
        foreign_items.order_id,
        foreign_items.foreign_sku,
        min(cross_references.own_id) as sku
    from foreign_items
    inner join their_orders
        on foreign_items.system = their_orders.system and foreign_items.order_id = their_orders.order_id
    inner join canon_cross_references as cross_references
        on cross_references.reference_type = 'ITEM'
        and their_orders.customer_id = cross_references.party_id
        and foreign_items.foreign_sku = cross_references.foreign_id
    group by foreign_items.system, foreign_items.order_id, foreign_items.foreign_sku
    having count(distinct cross_references.own_id) = 1
),

feed as (
    select
        feed_order_lines.system,
        feed_order_lines.role,
        feed_order_lines.source_key,
        feed_order_lines.order_id,
        feed_order_lines.line_no,
        coalesce(feed_order_lines.sku, item_numbers.sku) as sku,
        feed_order_lines.foreign_sku,
        feed_order_lines.substitute_sku,
        feed_order_lines.uom,
        feed_order_lines.ordered_qty,
        feed_order_lines.cancelled_qty,
        feed_order_lines.allocated_qty,
        feed_order_lines.unit_price,
        feed_order_lines.freight_amount,
        feed_order_lines.currency,
        feed_order_lines.node,
        feed_order_lines.release_due_at,
        feed_order_lines.promised_at,
        feed_order_lines.snapshot_id,
        feed_order_lines.as_of
    from feed_order_lines
    left join item_numbers
        on feed_order_lines.system = item_numbers.system
        and feed_order_lines.order_id = item_numbers.order_id
        and feed_order_lines.foreign_sku = item_numbers.foreign_sku
)

select
    feed.system,
    feed.role,
    feed.source_key,
    feed.order_id,
    feed.line_no,
    feed.sku,
    feed.foreign_sku,
    feed.substitute_sku,
    cast(feed.ordered_qty * coalesce(own_unit.base_qty, general_unit.base_qty) as decimal(18, 4)) as ordered_qty,
    cast(feed.cancelled_qty * coalesce(own_unit.base_qty, general_unit.base_qty) as decimal(18, 4)) as cancelled_qty,
    cast(feed.allocated_qty * coalesce(own_unit.base_qty, general_unit.base_qty) as decimal(18, 4)) as allocated_qty,
    cast(
        floor(
            cast(feed.unit_price as double) / cast(coalesce(own_unit.base_qty, general_unit.base_qty) as double)
            * 10000 + 0.5
        ) / 10000 as decimal(18, 4)
    ) as unit_price,
    feed.freight_amount,
    feed.currency,
    feed.node,
    feed.release_due_at,
    feed.promised_at,
    feed.snapshot_id,
    feed.as_of
from feed
left join ref_units as own_unit
    on feed.sku = own_unit.sku and feed.uom = own_unit.uom
left join ref_units as general_unit
    on general_unit.sku = '*' and feed.uom = general_unit.uom
