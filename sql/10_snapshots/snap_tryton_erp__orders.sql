-- snapshot: tryton_erp/orders
-- grain: one row per sale that is at least a quotation; Tryton keeps days, which are taken at midnight UTC
select
    landed_row_no,
    number as order_id,
    json_extract_string("party.", '$.code') as customer_id,
    reference as customer_po,
    json_extract_string("payment_term.", '$.name') as payment_terms,
    case state
        when 'quotation' then 'OPEN'
        when 'confirmed' then 'OPEN'
        when 'processing' then 'OPEN'
        when 'done' then 'CLOSED'
        when 'cancelled' then 'CANCELLED'
        else state
    end as status,
    json_extract_string("currency.", '$.code') as currency,
    make_timestamptz(
        cast(json_extract_string(sale_date, '$.year') as bigint),
        cast(json_extract_string(sale_date, '$.month') as bigint),
        cast(json_extract_string(sale_date, '$.day') as bigint),
        0, 0, 0, 'UTC'
    ) as ordered_at
from landed
