-- grain: one row per item in one system
-- key: system, source_key
select
    system,
    role,
    source_key,
    sku,
    base_uom,
    abc_class,
    temperature_class,
    status,
    snapshot_id,
    as_of
from feed_items
