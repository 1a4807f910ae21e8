-- grain: one row per shipment leg of an order line behind the KPIs about invoices, with how it stands to them
with

results as (
    select
        shipment_id,
        order_id,
        line_no,
        node,
        exclusion,
        eligible_at,
        due_at,
        invoiced_at,
        leg_amount,
        currency,
        case
            when exclusion <> '' then 'excluded'
            when is_unknown then 'unknown'
            when is_timely then 'met'
            else 'missed'
        end as result
    from mart_billable_legs
    where
        ($site = '' or coalesce(nullif(node, ''), 'NONE') = $site)
        and eligible_day >= $since
        and ($day is null or eligible_day = $day)
        and ($currency = '' or currency = $currency)
)

select
    shipment_id,
    order_id,
    line_no,
    node,
    exclusion,
    eligible_at,
    due_at,
    invoiced_at,
    leg_amount,
    currency,
    result,
    count(*) over () as row_count,
    cast(sum(leg_amount) over (partition by currency) as decimal(18, 2)) as total_amount
from results
where
    $result = result
    or ($result in ('', 'counted') and result <> 'excluded')
    or ($result = 'known' and result in ('met', 'missed'))
order by due_at, shipment_id, order_id, line_no
limit $page_size offset $first_row
