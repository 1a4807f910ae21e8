-- grain: one row per row of feed $system/$entity that is in quarantine
select snapshot_id, system, entity, as_of, landed_row_no, source_key, order_id, failed_checks, record
from ops_open_quarantine
where system = $system and entity = $entity
order by landed_row_no
limit 20
