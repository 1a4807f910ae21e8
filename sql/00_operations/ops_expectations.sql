-- grain: one row per expectation that was evaluated for a snapshot; history, never changed
-- A snapshot that was admitted without a validator has none.
create table if not exists ops_expectations (
    snapshot_id varchar not null,
    system varchar not null,
    entity varchar not null,
    check_id varchar not null,
    severity varchar not null,
    is_passed boolean not null,
    unexpected_rows bigint,
    evaluated_rows bigint not null,
    problem varchar not null
)
