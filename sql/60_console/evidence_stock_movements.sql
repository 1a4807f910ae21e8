-- grain: one row per movement of item $sku at $node, the latest first
select system, role, movement_id, node, sku, movement_qty, movement_type, moved_at, snapshot_id, as_of
from canon_stock_movements
where sku = $sku and node = $node
order by moved_at desc, movement_id
