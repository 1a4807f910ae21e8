-- grain: one row per attempt to pull something of the system $system, the latest $most; an empty system for all
-- With $only_failed, only those that failed.
select system, entity, attempted_at, snapshot_id, state, problem, as_of
from ops_pulls
where ($system = '' or system = $system) and (not $only_failed or state <> 'OK')
order by attempted_at desc, system, entity
limit $most
