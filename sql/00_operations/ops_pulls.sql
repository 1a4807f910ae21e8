-- grain: one row per attempt to pull an entity, whether it gave a snapshot or not
-- An answer that says nothing new is not landed: of such a one, as_of tells the moment it speaks of.
create table if not exists ops_pulls (
    system varchar not null,
    entity varchar not null,
    attempted_at timestamptz not null,
    snapshot_id varchar,
    state varchar not null,
    problem varchar not null,
    as_of timestamptz
)
