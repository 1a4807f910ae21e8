-- grain: one row per site, currency and day on which shipment legs could be billed
-- kpi: invoice_timeliness
-- formula: legs invoiced within the business hours of FIN-01 after they could be / legs that could be and are due;
--     by count and by value
-- source: domain book 3
-- An invoice counts when it was posted. What is not invoiced and not due yet is left out and counted apart.
-- refresh: full
with

counts as (
    select
        node,
        currency,
        eligible_day as day,
        min(watermark_at) as watermark_at,
        count(*) filter (where exclusion = '') as population_count,
        count(*) filter (where exclusion = '' and is_unknown) as unknown_count,
        count(*) filter (where exclusion = '' and not is_unknown) as known_count,
        count(*) filter (where exclusion = 'NOT_DUE') as not_due_count,
        count(*) filter (where exclusion = 'UNCONFIRMED') as unconfirmed_count,
        count(*) filter (where exclusion = 'RETURNED') as returned_count,
        count(*) filter (where exclusion = '' and not is_unknown and is_timely) as timely_count,
        cast(sum(case when exclusion = '' then leg_amount else 0 end) as decimal(18, 2)) as population_amount,
        cast(sum(case when exclusion = '' and not is_unknown then leg_amount else 0 end) as decimal(18, 2))
            as known_amount,
        cast(sum(case when exclusion = '' and not is_unknown and is_timely then leg_amount else 0 end)
            as decimal(18, 2)) as timely_amount
    from mart_billable_legs
    group by node, currency, eligible_day
)

select
    1 as definition_version,
    watermark_at,
    node,
    currency,
    day,
    population_count,
    unknown_count,
    known_count,
    not_due_count,
    unconfirmed_count,
    returned_count,
    cast(
        floor(cast(known_count as double) / nullif(population_count, 0) * 1000000 + 0.5) / 1000000 as decimal(9, 6)
    ) as coverage,
    timely_count,
    cast(
        floor(cast(timely_count as double) / nullif(known_count, 0) * 1000000 + 0.5) / 1000000 as decimal(9, 6)
    ) as invoice_timeliness,
    population_amount,
    known_amount,
    timely_amount,
    cast(
        floor(cast(timely_amount as double) / nullif(known_amount, 0) * 1000000 + 0.5) / 1000000 as decimal(9, 6)
    ) as invoice_timeliness_by_value
from counts
