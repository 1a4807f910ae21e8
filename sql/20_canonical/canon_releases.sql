-- grain: one row per order line released to a node, as sent by the ERP or taken in by the warehouse
-- Quantities are in base units: by the item's own factor, else by the general one. A row whose unit has neither
-- never gets here: admission quarantines it.
-- key: system, source_key
select
    feed.system,
    feed.role,
    feed.source_key,
    feed.release_id,
    feed.order_id,
    feed.line_no,
    feed.node,
    feed.sku,
    cast(feed.released_qty * coalesce(own_unit.base_qty, general_unit.base_qty) as decimal(18, 4)) as released_qty,
    cast(feed.picked_qty * coalesce(own_unit.base_qty, general_unit.base_qty) as decimal(18, 4)) as picked_qty,
    feed.pick_status,
    feed.released_at,
    feed.acked_at,
    feed.picked_at,
    feed.packed_at,
    feed.snapshot_id,
    feed.as_of
from feed_releases as feed
left join ref_units as own_unit
    on feed.sku = own_unit.sku and feed.uom = own_unit.uom
left join ref_units as general_unit
    on general_unit.sku = '*' and feed.uom = general_unit.uom
