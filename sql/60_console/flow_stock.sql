-- grain: one row per item at a site behind the accuracy of inventory, with how it stands to it; the farthest off first
with

results as (
    select
        node,
        sku,
        abc_class,
        held_qty,
        off_qty,
        tolerance_percent,
        case
            when exclusion <> '' then 'excluded'
            when is_unknown then 'unknown'
            when is_within then 'met'
            else 'missed'
        end as result
    from mart_stock_records
    where $site = '' or coalesce(nullif(node, ''), 'NONE') = $site
)

select
    node,
    sku,
    abc_class,
    held_qty,
    off_qty,
    tolerance_percent,
    result,
    count(*) over () as row_count
from results
where
    $result = result
    or ($result in ('', 'counted') and result <> 'excluded')
    or ($result = 'known' and result in ('met', 'missed'))
order by abs(off_qty) desc nulls last, node, sku
limit $page_size offset $first_row
