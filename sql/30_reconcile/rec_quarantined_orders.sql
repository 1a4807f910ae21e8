-- grain: one row per order of which a row is in quarantine
-- What the last run knew, so that the next one sees whose rows have come in or out of it.
-- after: rec_findings
select distinct order_id
from ops_open_quarantine
where order_id is not null
