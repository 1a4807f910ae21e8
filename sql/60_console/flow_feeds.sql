-- grain: one row per declared feed, with what the last pass thought of it
select system, entity, contract, role, node, state, problem, as_of, freshness_seconds
from rec_feeds
order by system, entity
