-- title: What is matched to a document line adds up to what it bills, and no document line is forgotten
-- refresh: full
with

matched as (
    select system, source_key, sum(billed_qty) as matched_qty
    from rec_document_matches
    group by system, source_key
),

documents as (
    select documents.system, documents.source_key, documents.invoiced_qty
    from canon_invoice_lines as documents
    semi join matched on documents.system = matched.system and documents.source_key = matched.source_key
),

billed as (
    select system, sum(invoiced_qty) as matched_qty
    from rec_billed_lines
    group by system
),

landed as (
    select system, sum(invoiced_qty) as invoiced_qty
    from canon_invoice_lines
    group by system
)

select
    matched.system,
    matched.source_key,
    documents.invoiced_qty,
    matched.matched_qty
from matched
left join documents on matched.system = documents.system and matched.source_key = documents.source_key
where documents.invoiced_qty is distinct from matched.matched_qty
union all
select
    landed.system,
    'all' as source_key,
    landed.invoiced_qty,
    billed.matched_qty
from landed
left join billed on landed.system = billed.system
where landed.invoiced_qty is distinct from billed.matched_qty
