-- grain: one row per reading of feed $system/$entity, the latest first
select
    snapshot_id, system, entity, as_of, pulled_at, is_complete, problem, declared_rows, landed_rows, quarantined_rows,
    contract_version
from ops_snapshots
where system = $system and entity = $entity
order by pulled_at desc, snapshot_id
limit 5
