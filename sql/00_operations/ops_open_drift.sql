-- grain: one row per way in which the answers of a feed now differ from the shape that was agreed on
-- What was agreed on stands in the ledger. A row goes when the feed keeps to what was agreed on again, or when a
-- person accepts what it has become.
create table if not exists ops_open_drift (
    system varchar not null,
    entity varchar not null,
    contract_version varchar not null,
    kind varchar not null,
    field varchar not null,
    agreed varchar not null,
    found varchar not null,
    note varchar not null,
    is_read boolean not null,
    snapshot_id varchar not null,
    drifted_since timestamptz not null
)
