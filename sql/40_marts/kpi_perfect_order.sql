-- grain: one row per site and day on which orders were due
-- kpi: perfect_order
-- formula: orders of which every line came complete, in time, undamaged and with right documents / orders due
-- source: SCOR RL.1.1 with RL.2.1 to RL.2.4; the index is APQC measure 101741
-- An order of several sites stands under SEVERAL. Shares are of the orders that are known; the index takes the four
-- components for independent, which the headline does not: the two are never mixed.
-- refresh: full
with

due_orders as (
    select
        node,
        due_day,
        exclusion,
        is_unknown or is_billing_unknown as is_unknown,
        is_on_time,
        is_complete,
        is_undamaged,
        has_accurate_documents,
        watermark_at
    from mart_order_outcomes
    where is_due or exclusion <> ''
),

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
        count(*) filter (where exclusion = '' and not is_unknown and is_on_time) as on_time_count,
        count(*) filter (where exclusion = '' and not is_unknown and is_complete) as complete_count,
        count(*) filter (where exclusion = '' and not is_unknown and is_undamaged) as undamaged_count,
        count(*) filter (where exclusion = '' and not is_unknown and has_accurate_documents)
            as accurate_documents_count,
        count(*) filter (
            where
            exclusion = ''
            and not is_unknown
            and is_on_time
            and is_complete
            and is_undamaged
            and has_accurate_documents
        ) as perfect_count
    from due_orders
    group by node, due_day
)

select
    1 as definition_version,
    watermark_at,
    node,
    day,
    population_count,
    unknown_count,
    known_count,
    cancelled_count,
    unpromised_count,
    cast(
        floor(cast(known_count as double) / nullif(population_count, 0) * 1000000 + 0.5) / 1000000 as decimal(9, 6)
    ) as coverage,
    perfect_count,
    on_time_count,
    complete_count,
    undamaged_count,
    accurate_documents_count,
    cast(
        floor(cast(perfect_count as double) / nullif(known_count, 0) * 1000000 + 0.5) / 1000000 as decimal(9, 6)
    ) as perfect_order,
    cast(
        floor(
            cast(on_time_count as double) / nullif(known_count, 0)
            * (cast(complete_count as double) / nullif(known_count, 0))
            * (cast(undamaged_count as double) / nullif(known_count, 0))
            * (cast(accurate_documents_count as double) / nullif(known_count, 0))
            * 1000000 + 0.5
        ) / 1000000 as decimal(9, 6)
    ) as perfect_order_index
from counts
