-- snapshot: tryton_catalogue/customers
-- grain: one row per party with a customer's number
select
    landed_row_no,
    code as customer_id,
    name as customer_name,
    case when active in ('true', '1') then 'ACTIVE' else 'CLOSED' end as status,
    json_extract_string(customer_payment_term, '$.name') as payment_terms
from landed
