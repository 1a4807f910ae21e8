-- grain: one row per declared feed (system and entity)
-- What the last pull allows the feed's readers to believe at $now_at.
with

attempts as (
    select
        system,
        entity,
        state,
        problem,
        snapshot_id,
        {
            'attempted_at': attempted_at,
            'snapshot_id': coalesce(snapshot_id, ''),
            'state': state,
            'problem': problem
        } as attempt_key
    from ops_pulls
),

last_attempts as (
    select
        system,
        entity,
        max_by(state, attempt_key) as state,
        max_by(problem, attempt_key) as problem,
        max_by(snapshot_id, attempt_key) as snapshot_id
    from attempts
    group by system, entity
),

unchanged as (
    select system, entity, max(as_of) as as_of
    from ops_pulls
    where as_of is not null
    group by system, entity
),

landed as (
    select
        system,
        entity,
        max(as_of) as as_of,
        max_by(snapshot_id, {'as_of': as_of, 'snapshot_id': snapshot_id}) as snapshot_id
    from ops_snapshots
    group by system, entity
),

reported as (
    select
        landed.system,
        landed.entity,
        greatest(landed.as_of, unchanged.as_of) as as_of,
        landed.as_of as landed_as_of,
        landed.snapshot_id
    from landed
    left join unchanged on landed.system = unchanged.system and landed.entity = unchanged.entity
),

last_reported as (
    select last_attempts.system, last_attempts.entity, max(ops_snapshots.as_of) as as_of
    from last_attempts
    inner join ops_snapshots
        on last_attempts.system = ops_snapshots.system
        and last_attempts.entity = ops_snapshots.entity
        and last_attempts.snapshot_id = ops_snapshots.snapshot_id
    group by last_attempts.system, last_attempts.entity
),

judged as (
    select
        ref_feeds.system,
        ref_feeds.entity,
        ref_feeds.contract,
        ref_feeds.role,
        ref_feeds.node,
        ref_feeds.freshness_seconds,
        reported.as_of,
        reported.snapshot_id,
        case
            when last_attempts.state is null then 'FAILED'
            when last_attempts.state <> 'OK' then last_attempts.state
            when last_reported.as_of < reported.landed_as_of then 'PARTIAL'
            when epoch($now_at) - epoch(reported.as_of) > ref_feeds.freshness_seconds then 'STALE'
            else 'OK'
        end as state,
        case
            when last_attempts.state is null then 'never pulled'
            when last_attempts.state <> 'OK' then last_attempts.problem
            when last_reported.as_of < reported.landed_as_of then 'the clock of the system ran backwards'
            when epoch($now_at) - epoch(reported.as_of) > ref_feeds.freshness_seconds
                then 'the last answer speaks of a moment too long ago'
            else ''
        end as problem
    from ref_feeds
    left join last_attempts
        on ref_feeds.system = last_attempts.system and ref_feeds.entity = last_attempts.entity
    left join reported on ref_feeds.system = reported.system and ref_feeds.entity = reported.entity
    left join last_reported
        on ref_feeds.system = last_reported.system and ref_feeds.entity = last_reported.entity
)

select
    judged.system,
    judged.entity,
    judged.contract,
    judged.role,
    judged.node,
    judged.state,
    judged.as_of,
    judged.snapshot_id,
    judged.freshness_seconds,
    judged.problem,
    case
        when judged.state = 'OK' then null
        when previous.state <> 'OK' then previous.problem_since
        else $now_at
    end as problem_since
from judged
left join previous_feeds as previous
    on judged.system = previous.system and judged.entity = previous.entity
