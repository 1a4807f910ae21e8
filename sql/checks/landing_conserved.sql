-- title: Every landed row is current, superseded or quarantined
-- Each row of a snapshot was inserted, updated or found unchanged (and is current), was superseded, or is in
-- quarantine.
select
    system,
    entity,
    snapshot_id,
    mapped_rows,
    inserted_rows + updated_rows + unchanged_rows + superseded_rows + quarantined_rows as accounted_rows
from ops_snapshots
where
    mapped_rows <> inserted_rows + updated_rows + unchanged_rows + superseded_rows + quarantined_rows
    or mapped_rows < landed_rows
