-- grain: one row per price agreed with a customer for an item and a time
-- Quantities are in base units: by the item's own factor, else by the general one.
-- key: system, source_key
select
    feed.system,
    feed.role,
    feed.source_key,
    feed.customer_id,
    feed.sku,
    cast(feed.unit_price * coalesce(own_unit.base_qty, general_unit.base_qty) as decimal(18, 4)) as unit_price,
    feed.currency,
    feed.valid_from_at,
    feed.valid_until_at,
    feed.snapshot_id,
    feed.as_of
from feed_contract_prices as feed
left join ref_units as own_unit
    on feed.sku = own_unit.sku and feed.uom = own_unit.uom
left join ref_units as general_unit
    on general_unit.sku = '*' and feed.uom = general_unit.uom
