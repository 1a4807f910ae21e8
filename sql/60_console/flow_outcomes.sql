-- grain: one row per order behind a KPI about orders, with how the order stands to it
-- The same conditions as the KPI's table, order by order.
with

judged as (
    select
        order_id,
        node,
        customer_id,
        line_count,
        exclusion,
        received_at,
        due_at,
        delivered_at,
        is_on_time,
        is_complete,
        is_in_full_on_time,
        is_undamaged,
        has_accurate_documents,
        case
            when $kpi in ('order_cycle_time', 'open_order_age') then exclusion = 'CANCELLED'
            else exclusion <> ''
        end as is_excluded,
        case
            when $kpi in ('otif', 'order_cycle_time', 'open_order_age') then is_unknown
            else is_unknown or is_billing_unknown
        end as is_unknown,
        case
            when $kpi = 'otif' then is_in_full_on_time
            when $kpi = 'perfect_order_on_time' then is_on_time
            when $kpi = 'perfect_order_complete' then is_complete
            when $kpi = 'perfect_order_undamaged' then is_undamaged
            when $kpi = 'perfect_order_documents' then has_accurate_documents
            when $kpi = 'perfect_order' then is_on_time and is_complete and is_undamaged and has_accurate_documents
            else true
        end as is_met
    from mart_order_outcomes
    where
        ($site = '' or coalesce(nullif(node, ''), 'NONE') = $site)
        and case
            when $kpi = 'order_cycle_time'
                then is_delivered and delivered_at >= received_at and cast(delivered_at as date) >= $since
            when $kpi = 'open_order_age' then not is_delivered and received_at <= $now_at
            else (is_due or exclusion <> '') and due_day >= $since
        end
        and (
            $day is null
            or case when $kpi = 'order_cycle_time' then cast(delivered_at as date) else due_day end = $day
        )
),

results as (
    select
        judged.*,
        case
            when is_excluded then 'excluded'
            when is_unknown then 'unknown'
            when is_met then 'met'
            else 'missed'
        end as result
    from judged
)

select
    order_id,
    node,
    customer_id,
    line_count,
    exclusion,
    received_at,
    due_at,
    delivered_at,
    is_on_time,
    is_complete,
    is_in_full_on_time,
    is_undamaged,
    has_accurate_documents,
    result,
    count(*) over () as row_count
from results
where
    $result = result
    or ($result in ('', 'counted') and result <> 'excluded')
    or ($result = 'known' and result in ('met', 'missed'))
order by due_at, order_id
limit $page_size offset $first_row
