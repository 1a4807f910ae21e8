-- grain: one row per canonical key that changed in a system and has not yet been reconciled
-- Written with the rows themselves and removed by the reconcile that revisits them, so that a crash between the
-- two forgets nothing.
create table if not exists ops_changed_keys (
    snapshot_id varchar not null,
    system varchar not null,
    contract varchar not null,
    source_key varchar not null,
    order_id varchar,
    node varchar,
    sku varchar
)
