-- grain: one row per system that books item $sku at $node
select system, role, node, sku, on_hand_qty, reserved_qty, available_qty, snapshot_id, as_of
from canon_stock_levels
where sku = $sku and node = $node
order by role, system
