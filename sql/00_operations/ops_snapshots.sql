-- grain: one row per landed snapshot that was brought into the lake
-- Every landed row is counted in exactly one of the outcome columns; checks/landing_conserved.sql holds it to that.
create table if not exists ops_snapshots (
    snapshot_id varchar not null,
    system varchar not null,
    entity varchar not null,
    contract varchar not null,
    contract_version varchar not null,
    as_of timestamptz not null,
    pulled_at timestamptz not null,
    duration_seconds double not null,
    cursor_from varchar,
    cursor_to varchar,
    is_whole boolean not null,
    is_complete boolean not null,
    problem varchar not null,
    page_count bigint not null,
    content_bytes bigint not null,
    content_sha256 varchar not null,
    declared_rows bigint,
    landed_rows bigint not null,
    mapped_rows bigint not null,
    inserted_rows bigint not null,
    updated_rows bigint not null,
    unchanged_rows bigint not null,
    superseded_rows bigint not null,
    quarantined_rows bigint not null,
    deleted_rows bigint not null
)
