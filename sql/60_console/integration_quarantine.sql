-- grain: one row per row that is in quarantine now, the oldest first, with the expectations that it failed
-- An empty $system for all.
select
    system,
    entity,
    as_of,
    landed_row_no,
    source_key,
    order_id,
    failed_checks,
    record,
    count(*) over (partition by 1) as all_rows
from ops_open_quarantine
where $system = '' or system = $system
order by as_of, system, entity, landed_row_no
limit $most
