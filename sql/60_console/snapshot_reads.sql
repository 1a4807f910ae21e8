-- grain: one row per snapshot of $snapshot_ids: of which moment it speaks, and when it was read
select snapshot_id, system, entity, as_of, pulled_at
from ops_snapshots
where snapshot_id in (select unnest(cast($snapshot_ids as varchar[])))
