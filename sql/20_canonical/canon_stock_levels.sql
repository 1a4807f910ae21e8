-- grain: one row per item and node in one system
-- Quantities are in base units: by the item's own factor, else by the general one. A row whose unit has neither
-- never gets here: admission quarantines it.
-- key: system, source_key
select
    feed.system,
    feed.role,
    feed.source_key,
    feed.node,
    feed.sku,
    cast(feed.on_hand_qty * coalesce(own_unit.base_qty, general_unit.base_qty) as decimal(18, 4)) as on_hand_qty,
    cast(feed.reserved_qty * coalesce(own_unit.base_qty, general_unit.base_qty) as decimal(18, 4)) as reserved_qty,
    cast(feed.available_qty * coalesce(own_unit.base_qty, general_unit.base_qty) as decimal(18, 4)) as available_qty,
    feed.snapshot_id,
    feed.as_of
from feed_stock_levels as feed
left join ref_units as own_unit
    on feed.sku = own_unit.sku and feed.uom = own_unit.uom
left join ref_units as general_unit
    on general_unit.sku = '*' and feed.uom = general_unit.uom
