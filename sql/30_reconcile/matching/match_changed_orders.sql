-- grain: one row per order number that something changed under, before or after
select key as order_id
from affected_orders
where key <> ''
union
select order_id
from match_changes
where order_id is not null
