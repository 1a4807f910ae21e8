-- grain: one row per KPI that is a share, day and currency; KPIs that only know the present have no day
-- Counts of the period and site, so that any sum of rows is exact. `met` and `known` are amounts for what is counted by
-- value.
with

orders_due as (
    select
        day,
        watermark_at,
        population_count,
        unknown_count,
        known_count,
        cancelled_count,
        unpromised_count,
        perfect_count,
        on_time_count,
        complete_count,
        undamaged_count,
        accurate_documents_count
    from kpi_perfect_order
    where day >= $since and ($site = '' or coalesce(nullif(node, ''), 'NONE') = $site)
),

perfect_orders as (
    select 'perfect_order' as kpi, perfect_count as met, orders_due.* from orders_due
    union all
    select 'perfect_order_on_time' as kpi, on_time_count as met, orders_due.* from orders_due
    union all
    select 'perfect_order_complete' as kpi, complete_count as met, orders_due.* from orders_due
    union all
    select 'perfect_order_undamaged' as kpi, undamaged_count as met, orders_due.* from orders_due
    union all
    select 'perfect_order_documents' as kpi, accurate_documents_count as met, orders_due.* from orders_due
),

shares as (
    select
        kpi,
        day,
        '' as currency,
        watermark_at,
        population_count,
        unknown_count,
        cast(known_count as decimal(18, 2)) as known,
        cast(met as decimal(18, 2)) as met,
        cancelled_count,
        unpromised_count as other_count
    from perfect_orders
    union all
    select
        'otif' as kpi,
        day,
        '' as currency,
        watermark_at,
        population_count,
        unknown_count,
        known_count as known,
        otif_count as met,
        cancelled_count,
        unpromised_count as other_count
    from kpi_otif
    where day >= $since and ($site = '' or coalesce(nullif(node, ''), 'NONE') = $site)
    union all
    select
        'invoice_timeliness' as kpi,
        day,
        '' as currency,
        watermark_at,
        population_count,
        unknown_count,
        known_count as known,
        timely_count as met,
        returned_count as cancelled_count,
        not_due_count + unconfirmed_count as other_count
    from kpi_invoice_timeliness
    where day >= $since and ($site = '' or coalesce(nullif(node, ''), 'NONE') = $site)
    union all
    select
        'invoice_timeliness_by_value' as kpi,
        day,
        currency,
        watermark_at,
        population_count,
        unknown_count,
        known_amount as known,
        timely_amount as met,
        returned_count as cancelled_count,
        not_due_count + unconfirmed_count as other_count
    from kpi_invoice_timeliness
    where day >= $since and ($site = '' or coalesce(nullif(node, ''), 'NONE') = $site)
    union all
    select
        'inventory_accuracy' as kpi,
        null as day,
        '' as currency,
        watermark_at,
        population_count,
        unknown_count,
        known_count as known,
        within_count as met,
        0 as cancelled_count,
        one_sided_count as other_count
    from kpi_inventory_accuracy
    where $site = '' or coalesce(nullif(node, ''), 'NONE') = $site
    union all
    select
        'backlog_ageing' as kpi,
        null as day,
        '' as currency,
        watermark_at,
        population_count,
        unknown_count,
        known_count as known,
        case when age_bucket in ('NOT_DUE', 'NO_PROMISE') then 0 else known_count end as met,
        0 as cancelled_count,
        0 as other_count
    from kpi_backlog_ageing
    where ($site = '' or coalesce(nullif(node, ''), 'NONE') = $site) and ($owner = '' or owner = $owner)
)

select
    kpi,
    day,
    currency,
    min(watermark_at) as watermark_at,
    cast(sum(population_count) as bigint) as population_count,
    cast(sum(unknown_count) as bigint) as unknown_count,
    sum(known) as known,
    sum(met) as met,
    cast(sum(cancelled_count) as bigint) as cancelled_count,
    cast(sum(other_count) as bigint) as other_count
from shares
group by kpi, day, currency
order by kpi, day, currency
