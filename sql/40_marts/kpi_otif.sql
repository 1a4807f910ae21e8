-- grain: one row per site and day on which orders were due
-- kpi: otif
-- formula: orders of which every line was delivered in full by its promise / orders due, undelivered ones among them
-- source: McKinsey 2019; there is no standard definition, so each row says by which date, window and level it counts
-- An order of several sites stands under SEVERAL.
-- refresh: full
with

counts as (
    select
        node,
        due_day as day,
        min(watermark_at) as watermark_at,
        count(*) filter (where exclusion = '') as population_count,
        count(*) filter (where exclusion = '' and is_unknown) as unknown_count,
        count(*) filter (where exclusion = '' and not is_unknown) as known_count,
        count(*) filter (where exclusion = 'CANCELLED') as cancelled_count,
        count(*) filter (where exclusion = 'NO_PROMISE') as unpromised_count,
        count(*) filter (where exclusion = '' and not is_unknown and is_in_full_on_time) as otif_count
    from mart_order_outcomes
    where is_due or exclusion <> ''
    group by node, due_day
)

select
    1 as definition_version,
    watermark_at,
    node,
    day,
    'PROMISED' as date_basis,
    0 as window_hours,
    'ORDER' as level,
    population_count,
    unknown_count,
    known_count,
    cancelled_count,
    unpromised_count,
    cast(
        floor(cast(known_count as double) / nullif(population_count, 0) * 1000000 + 0.5) / 1000000 as decimal(9, 6)
    ) as coverage,
    otif_count,
    cast(
        floor(cast(otif_count as double) / nullif(known_count, 0) * 1000000 + 0.5) / 1000000 as decimal(9, 6)
    ) as otif
from counts
