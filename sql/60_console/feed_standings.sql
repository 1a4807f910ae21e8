-- grain: one row per declared feed, as it can be trusted at $now_at
-- What was fresh when the last run looked may be stale by now; a pull that found nothing new is a reading too.
with

later_readings as (
    select ops_pulls.system, ops_pulls.entity, max(ops_pulls.as_of) as as_of
    from ops_pulls
    inner join rec_feeds on ops_pulls.system = rec_feeds.system and ops_pulls.entity = rec_feeds.entity
    where ops_pulls.as_of > rec_feeds.as_of
    group by ops_pulls.system, ops_pulls.entity
),

feeds as (
    select
        rec_feeds.system,
        rec_feeds.entity,
        rec_feeds.role,
        rec_feeds.contract,
        rec_feeds.node,
        rec_feeds.state,
        rec_feeds.problem,
        rec_feeds.freshness_seconds,
        greatest(rec_feeds.as_of, later_readings.as_of) as as_of
    from rec_feeds
    left join later_readings on rec_feeds.system = later_readings.system and rec_feeds.entity = later_readings.entity
)

select
    system,
    entity,
    role,
    contract,
    node,
    as_of,
    case when state = 'OK' and epoch($now_at) - epoch(as_of) > freshness_seconds then 'STALE' else state end as state,
    case
        when state = 'OK' and epoch($now_at) - epoch(as_of) > freshness_seconds
            then 'the last answer speaks of a moment too long ago'
        else problem
    end as problem
from feeds
order by system, entity
