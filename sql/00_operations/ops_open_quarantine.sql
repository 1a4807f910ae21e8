-- grain: one row per row that is in quarantine now: its feed has not yet sent a good one in its place
create table if not exists ops_open_quarantine (
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
