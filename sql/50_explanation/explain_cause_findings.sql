-- grain: one row per break that is not the consequence of another, with what it may have in common with others
-- `ratio` is how many times one value is the other, where it is not a whole order of nothing: 'x 12' is twelve times as
-- much as expected, '/ 12' a twelfth.
with

breaks as (
    select
        code, business_key, node, order_id, line_no, scope_key, message, value_at_risk_amount, currency,
        condition_since, evidence,
        try_cast(expected_value as double) as expected_number,
        try_cast(actual_value as double) as actual_number
    from rec_findings
    where verdict = 'DIFFER' and parent_code = ''
),

customers as (
    select order_id, min(customer_id) as customer_id
    from canon_orders
    where order_id in (select order_id from breaks)
    group by order_id
),

line_items as (
    select order_id, line_no, min(sku) as sku
    from canon_order_lines
    where order_id in (select order_id from breaks)
    group by order_id, line_no
),

line_carriers as (
    select legs.order_id, legs.line_no, min(transports.carrier_id) as carrier_id
    from canon_shipment_lines as legs
    inner join canon_transports as transports on legs.shipment_id = transports.shipment_id
    where legs.order_id in (select order_id from breaks)
    group by legs.order_id, legs.line_no
    having count(distinct transports.carrier_id) = 1
),

known_items as (
    select distinct sku
    from rec_stock_ledger
)

select
    breaks.code,
    breaks.business_key,
    breaks.value_at_risk_amount,
    breaks.currency,
    nullif(breaks.node, '') as node,
    coalesce(line_items.sku, known_items.sku) as sku,
    customers.customer_id as customer,
    line_carriers.carrier_id as carrier,
    json_extract_string(breaks.evidence, '$.system') as system,
    nullif(breaks.message, '') as message,
    case
        when breaks.expected_number > 0 and breaks.actual_number > breaks.expected_number
            then 'x ' || round(breaks.actual_number / breaks.expected_number, 3)
        when breaks.actual_number > 0 and breaks.expected_number > breaks.actual_number
            then '/ ' || round(breaks.expected_number / breaks.actual_number, 3)
    end as ratio,
    strftime(breaks.condition_since, '%H') || ' h' as hour
from breaks
left join customers on breaks.order_id = customers.order_id
left join line_items on breaks.order_id = line_items.order_id and breaks.line_no = line_items.line_no
left join line_carriers on breaks.order_id = line_carriers.order_id and breaks.line_no = line_carriers.line_no
left join known_items on breaks.order_id = '' and breaks.scope_key = known_items.sku
order by breaks.code, breaks.business_key, breaks.node
