-- grain: one row per snapshot of the system $system, the latest $most, with the totals that say nothing was lost
select
    snapshot_id,
    entity,
    as_of,
    pulled_at,
    duration_seconds,
    is_whole,
    is_complete,
    problem,
    content_bytes,
    content_sha256,
    declared_rows,
    landed_rows,
    mapped_rows,
    inserted_rows,
    updated_rows,
    unchanged_rows,
    superseded_rows,
    quarantined_rows,
    deleted_rows
from ops_snapshots
where system = $system
order by pulled_at desc, snapshot_id desc, entity
limit $most
