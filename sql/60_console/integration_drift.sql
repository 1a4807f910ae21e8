-- grain: one row per way in which the answers of a feed now differ from what was agreed on; an empty $system for all
select system, entity, kind, field, agreed, found, note, is_read, drifted_since
from ops_open_drift
where $system = '' or system = $system
order by drifted_since, system, entity, field
limit $most
