-- grain: one row per canonical key that changed in a system and has not yet been reconciled
-- Written with the rows themselves and removed by the reconcile that revisits them, so that a crash between the
-- two forgets nothing. What a row is tied to is noted as far as its contract says it; `foreign_id` is the number a
-- partner uses. Where very many keys of a feed change at once, one row with source_key `*` stands for all of them, and
-- everything is revisited.
create table if not exists ops_changed_keys (
    snapshot_id varchar not null,
    system varchar not null,
    contract varchar not null,
    source_key varchar not null,
    order_id varchar,
    node varchar,
    sku varchar,
    shipment_id varchar,
    customer_id varchar,
    foreign_id varchar
)
