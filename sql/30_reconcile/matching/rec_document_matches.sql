-- grain: one row per invoice or credit line without an exact reference, and per leg or order line that it bills
-- `billed_qty` of the rows of a document line add up to its quantity; `matched_qty` is what a leg backs of it, and
-- never more than the leg has. A line that matches nothing has one row, labelled 'unmatched', with the references it
-- spells. `names_item` says whether the document itself tells customer and item.
create table if not exists rec_document_matches (
    scope_key varchar not null,
    system varchar not null,
    role varchar not null,
    source_key varchar not null,
    share_no bigint not null,
    invoice_id varchar not null,
    invoice_line_no bigint not null,
    document_type varchar not null,
    spelled_order_id varchar,
    order_id varchar,
    line_no bigint,
    shipment_id varchar,
    customer_id varchar,
    sku varchar,
    names_item boolean not null,
    billed_qty decimal(18, 4) not null,
    matched_qty decimal(18, 4) not null,
    unit_price decimal(18, 4),
    line_amount decimal(18, 2),
    currency varchar,
    status varchar,
    posted_at timestamptz,
    snapshot_id varchar,
    as_of timestamptz,
    match_label varchar not null,
    match_score decimal(5, 4) not null,
    match_reason varchar not null
)
