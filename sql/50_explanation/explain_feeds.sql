-- grain: one row per declared feed, with the rows of the orders in $order_ids that it has in quarantine
with

quarantined_rows as (
    select system, entity, count(*) as row_count, min(failed_checks) as failed_checks
    from ops_open_quarantine
    where order_id in (select unnest(cast($order_ids as varchar[])))
    group by system, entity
)

select
    feeds.system,
    feeds.entity,
    feeds.role,
    feeds.contract,
    feeds.node,
    feeds.state,
    feeds.as_of,
    feeds.problem,
    coalesce(quarantined_rows.row_count, 0) as quarantined_rows,
    coalesce(quarantined_rows.failed_checks, '') as failed_checks
from rec_feeds as feeds
left join quarantined_rows on feeds.system = quarantined_rows.system and feeds.entity = quarantined_rows.entity
order by feeds.system, feeds.entity
