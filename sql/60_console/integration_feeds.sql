-- grain: one row per declared feed, as it can be trusted at $now_at, with its last snapshot and its attempts of late
-- Attempts are counted from $since on, in the time of the machine that pulls. `failed_in_a_row` are the attempts since
-- the last that succeeded: the retries.
with

pulls as (
    select
        system,
        entity,
        count(*) filter (where attempted_at >= $since) as attempt_count,
        count(*) filter (where attempted_at >= $since and state <> 'OK') as failed_count,
        max(attempted_at) as last_attempted_at,
        max(attempted_at) filter (where state = 'OK') as last_ok_at,
        max(as_of) as unchanged_as_of
    from ops_pulls
    group by system, entity
),

retries as (
    select ops_pulls.system, ops_pulls.entity, count(*) as failed_in_a_row
    from ops_pulls
    inner join pulls on ops_pulls.system = pulls.system and ops_pulls.entity = pulls.entity
    where ops_pulls.state <> 'OK' and (pulls.last_ok_at is null or ops_pulls.attempted_at > pulls.last_ok_at)
    group by ops_pulls.system, ops_pulls.entity
),

snapshots as (
    select
        system,
        entity,
        max_by(snapshot_id, {'as_of': as_of, 'snapshot_id': snapshot_id}) as snapshot_id
    from ops_snapshots
    group by system, entity
),

feeds as (
    select
        rec_feeds.system,
        rec_feeds.entity,
        rec_feeds.contract,
        rec_feeds.role,
        rec_feeds.node,
        rec_feeds.state,
        rec_feeds.problem,
        rec_feeds.problem_since,
        rec_feeds.freshness_seconds,
        greatest(rec_feeds.as_of, pulls.unchanged_as_of) as as_of
    from rec_feeds
    left join pulls on rec_feeds.system = pulls.system and rec_feeds.entity = pulls.entity
)

select
    feeds.system,
    feeds.entity,
    feeds.contract,
    feeds.role,
    feeds.node,
    case
        when feeds.state = 'OK' and epoch($now_at) - epoch(feeds.as_of) > feeds.freshness_seconds then 'STALE'
        else feeds.state
    end as state,
    case
        when feeds.state = 'OK' and epoch($now_at) - epoch(feeds.as_of) > feeds.freshness_seconds
            then 'the last answer speaks of a moment too long ago'
        else feeds.problem
    end as problem,
    feeds.problem_since,
    cast(feeds.freshness_seconds as bigint) as freshness_seconds,
    feeds.as_of,
    pulls.last_attempted_at,
    cast(coalesce(pulls.attempt_count, 0) as bigint) as attempt_count,
    cast(coalesce(pulls.failed_count, 0) as bigint) as failed_count,
    cast(coalesce(retries.failed_in_a_row, 0) as bigint) as failed_in_a_row,
    last_snapshots.snapshot_id,
    last_snapshots.declared_rows,
    last_snapshots.landed_rows,
    last_snapshots.quarantined_rows,
    last_snapshots.is_complete
from feeds
left join pulls on feeds.system = pulls.system and feeds.entity = pulls.entity
left join retries on feeds.system = retries.system and feeds.entity = retries.entity
left join snapshots on feeds.system = snapshots.system and feeds.entity = snapshots.entity
left join ops_snapshots as last_snapshots on snapshots.snapshot_id = last_snapshots.snapshot_id
    and snapshots.system = last_snapshots.system and snapshots.entity = last_snapshots.entity
order by feeds.system, feeds.entity
