-- grain: one row per quarantined row of a snapshot; history, never changed
create table if not exists ops_quarantine (
    snapshot_id varchar not null,
    system varchar not null,
    entity varchar not null,
    as_of timestamptz not null,
    landed_row_no bigint,
    source_key varchar,
    order_id varchar,
    node varchar,
    sku varchar,
    uom varchar,
    failed_checks varchar not null,
    record varchar not null
)
