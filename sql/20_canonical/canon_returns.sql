-- grain: one row per order line that came back to a node
-- Quantities are in base units: by the item's own factor, else by the general one.
-- key: system, source_key
select
    feed.system,
    feed.role,
    feed.source_key,
    feed.return_id,
    feed.order_id,
    feed.line_no,
    feed.shipment_id,
    feed.node,
    feed.sku,
    cast(feed.returned_qty * coalesce(own_unit.base_qty, general_unit.base_qty) as decimal(18, 4)) as returned_qty,
    feed.condition,
    feed.received_at,
    feed.snapshot_id,
    feed.as_of
from feed_returns as feed
left join ref_units as own_unit
    on feed.sku = own_unit.sku and feed.uom = own_unit.uom
left join ref_units as general_unit
    on general_unit.sku = '*' and feed.uom = general_unit.uom
