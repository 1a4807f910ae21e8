-- grain: one row per order line in one system
-- Quantities are in base units: by the item's own factor, else by the general one. A row whose unit has neither
-- never gets here: admission quarantines it.
-- key: system, source_key
select
    feed.system,
    feed.role,
    feed.source_key,
    feed.order_id,
    feed.line_no,
    feed.sku,
    cast(feed.ordered_qty * coalesce(own_unit.base_qty, general_unit.base_qty) as decimal(18, 4)) as ordered_qty,
    cast(feed.cancelled_qty * coalesce(own_unit.base_qty, general_unit.base_qty) as decimal(18, 4)) as cancelled_qty,
    cast(feed.allocated_qty * coalesce(own_unit.base_qty, general_unit.base_qty) as decimal(18, 4)) as allocated_qty,
    cast(feed.unit_price / coalesce(own_unit.base_qty, general_unit.base_qty) as decimal(18, 4)) as unit_price,
    feed.freight_amount,
    feed.currency,
    feed.node,
    feed.release_due_at,
    feed.promised_at,
    feed.snapshot_id,
    feed.as_of
from feed_order_lines as feed
left join ref_units as own_unit
    on feed.sku = own_unit.sku and feed.uom = own_unit.uom
left join ref_units as general_unit
    on general_unit.sku = '*' and feed.uom = general_unit.uom
