-- grain: one row per site and class of item
-- kpi: inventory_accuracy
-- formula: records (item at a site) whose quantity in the ERP is within its class's percentage of what the warehouse
--     holds, at one moment and without what is on its way / records compared
-- source: supplychainmetric.com; A 1 %, B 3 %, C 5 %, of the absolute difference: signs are never netted
-- Items without a class have the tolerance of INV-01 for them. What only one side holds cannot be compared.
-- refresh: full
with

counts as (
    select
        node,
        abc_class,
        min(watermark_at) as watermark_at,
        count(*) filter (where exclusion = '') as population_count,
        count(*) filter (where exclusion = '' and is_unknown) as unknown_count,
        count(*) filter (where exclusion = '' and not is_unknown) as known_count,
        count(*) filter (where exclusion = 'ONE_SIDED') as one_sided_count,
        count(*) filter (where exclusion = '' and not is_unknown and is_within) as within_count
    from mart_stock_records
    group by node, abc_class
)

select
    1 as definition_version,
    watermark_at,
    node,
    abc_class,
    population_count,
    unknown_count,
    known_count,
    one_sided_count,
    cast(
        floor(cast(known_count as double) / nullif(population_count, 0) * 1000000 + 0.5) / 1000000 as decimal(9, 6)
    ) as coverage,
    within_count,
    cast(
        floor(cast(within_count as double) / nullif(known_count, 0) * 1000000 + 0.5) / 1000000 as decimal(9, 6)
    ) as inventory_accuracy
from counts
