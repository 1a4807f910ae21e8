-- snapshot: tryton_catalogue/customers
-- grain: one row per party with a customer's number
with

parties as (
    select landed_row_no, code, name, active, try_cast(customer_payment_term as json) as payment_term
    from landed
)

select
    landed_row_no,
    code as customer_id,
    name as customer_name,
    case
        when active in ('true', '1') then 'ACTIVE'
        when active in ('false', '0') then 'CLOSED'
        else active
    end as status,
    json_extract_string(payment_term, '$.name') as payment_terms
from parties
