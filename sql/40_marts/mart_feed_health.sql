-- grain: one row per declared feed
select
    feeds.system,
    feeds.entity,
    feeds.role,
    feeds.node,
    feeds.state,
    feeds.as_of,
    feeds.problem,
    count(snapshots.snapshot_id) as snapshot_count,
    cast(sum(snapshots.landed_rows) as bigint) as landed_rows,
    cast(sum(snapshots.quarantined_rows) as bigint) as quarantined_rows
from rec_feeds as feeds
left join ops_snapshots as snapshots on feeds.system = snapshots.system and feeds.entity = snapshots.entity
group by feeds.system, feeds.entity, feeds.role, feeds.node, feeds.state, feeds.as_of, feeds.problem
