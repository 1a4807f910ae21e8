-- grain: one row per order line in a package, as the WMS packed it
-- Quantities are in base units: by the item's own factor, else by the general one.
-- key: system, source_key
select
    feed.system,
    feed.role,
    feed.source_key,
    feed.pack_id,
    feed.order_id,
    feed.line_no,
    feed.node,
    feed.sku,
    cast(feed.packed_qty * coalesce(own_unit.base_qty, general_unit.base_qty) as decimal(18, 4)) as packed_qty,
    feed.lot,
    feed.lot_status,
    feed.expires_at,
    feed.packed_at,
    feed.snapshot_id,
    feed.as_of
from feed_packs as feed
left join ref_units as own_unit
    on feed.sku = own_unit.sku and feed.uom = own_unit.uom
left join ref_units as general_unit
    on general_unit.sku = '*' and feed.uom = general_unit.uom
