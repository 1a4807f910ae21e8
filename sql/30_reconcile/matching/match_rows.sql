-- grain: the rows of rec_document_matches for the lines of match_unresolved
-- The amount of a document line is divided like its quantity; the first share takes what rounding leaves.
with

shared_lines as (
    select
        unresolved.line_key,
        coalesce(shares.share_no, 1) as share_no,
        coalesce(shares.order_id, unresolved.order_id) as order_id,
        case when shares.line_key is null then unresolved.line_no else shares.line_no end as line_no,
        case when shares.line_key is null then unresolved.shipment_id else shares.shipment_id end as shipment_id,
        coalesce(shares.billed_qty, unresolved.invoiced_qty) as billed_qty,
        coalesce(shares.matched_qty, 0) as matched_qty,
        coalesce(shares.match_label, 'unmatched') as match_label,
        coalesce(shares.match_score, 0) as match_score,
        shares.match_reason
    from match_unresolved as unresolved
    left join match_shares as shares on unresolved.line_key = shares.line_key
),

priced_shares as (
    select
        shared_lines.line_key,
        shared_lines.share_no,
        case
            when unresolved.invoiced_qty = 0 then 0
            else cast(
                floor(
                    cast(unresolved.line_amount * shared_lines.billed_qty as double)
                    / cast(unresolved.invoiced_qty as double) * 100 + 0.5
                ) / 100 as decimal(18, 2)
            )
        end as share_amount
    from shared_lines
    inner join match_unresolved as unresolved on shared_lines.line_key = unresolved.line_key
),

line_totals as (
    select line_key, sum(share_amount) as divided_amount
    from priced_shares
    group by line_key
),

item_legs as (
    select customer_id, sku, count(*) as leg_count
    from match_legs
    group by customer_id, sku
)

select
    coalesce(shared_lines.order_id, '') as scope_key,
    unresolved.system,
    unresolved.role,
    unresolved.source_key,
    shared_lines.share_no,
    unresolved.invoice_id,
    unresolved.invoice_line_no,
    unresolved.document_type,
    unresolved.order_id as spelled_order_id,
    shared_lines.order_id,
    shared_lines.line_no,
    shared_lines.shipment_id,
    lines.customer_id,
    lines.sku,
    unresolved.customer_id is not null and unresolved.sku is not null as names_item,
    cast(shared_lines.billed_qty as decimal(18, 4)) as billed_qty,
    cast(shared_lines.matched_qty as decimal(18, 4)) as matched_qty,
    unresolved.unit_price,
    cast(
        case
            when shared_lines.share_no = 1
                then unresolved.line_amount - line_totals.divided_amount + priced_shares.share_amount
            else priced_shares.share_amount
        end as decimal(18, 2)
    ) as line_amount,
    unresolved.currency,
    unresolved.status,
    unresolved.posted_at,
    unresolved.snapshot_id,
    unresolved.as_of,
    shared_lines.match_label,
    cast(shared_lines.match_score as decimal(5, 4)) as match_score,
    case
        when shared_lines.match_reason is not null then shared_lines.match_reason
        when lines.customer_id is null or lines.sku is null
            then 'the document names no order that is known, and not both customer and item'
        when unresolved.document_type = 'CREDIT_MEMO'
            then 'the credit names no order that is known; quantities alone do not say what is credited'
        when coalesce(item_legs.leg_count, 0) = 0 then 'no leg of the customer and item is left to be billed'
        else 'legs of the customer and item are left to be billed, but none within the window and free'
    end as match_reason
from shared_lines
inner join match_unresolved as unresolved on shared_lines.line_key = unresolved.line_key
inner join match_lines as lines on shared_lines.line_key = lines.line_key
inner join priced_shares
    on shared_lines.line_key = priced_shares.line_key and shared_lines.share_no = priced_shares.share_no
inner join line_totals on shared_lines.line_key = line_totals.line_key
left join item_legs on lines.customer_id = item_legs.customer_id and lines.sku = item_legs.sku
