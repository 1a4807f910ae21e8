-- snapshot: tryton_erp/orders
-- grain: one row per sale that is at least a quotation; Tryton keeps days, which are taken at midnight UTC
with

sales as (
    select
        landed_row_no,
        number,
        reference,
        state,
        try_cast(sale_date as json) as sale_date,
        try_cast("party." as json) as party,
        try_cast("currency." as json) as currency,
        try_cast("payment_term." as json) as payment_term
    from landed
)

select
    landed_row_no,
    number as order_id,
    json_extract_string(party, '$.code') as customer_id,
    reference as customer_po,
    json_extract_string(payment_term, '$.name') as payment_terms,
    case state
        when 'quotation' then 'OPEN'
        when 'confirmed' then 'OPEN'
        when 'processing' then 'OPEN'
        when 'done' then 'CLOSED'
        when 'cancelled' then 'CANCELLED'
        else state
    end as status,
    json_extract_string(currency, '$.code') as currency,
    json_extract_string(sale_date, '$.year')
    || '-' || lpad(json_extract_string(sale_date, '$.month'), 2, '0')
    || '-' || lpad(json_extract_string(sale_date, '$.day'), 2, '0') || 'T00:00:00Z' as ordered_at
from sales
