-- grain: one row per supply of item $sku that is expected at $node
select system, role, supply_id, node, sku, expected_qty, status, expected_at, snapshot_id, as_of
from canon_inbound_supply
where sku = $sku and node = $node
order by expected_at, supply_id
