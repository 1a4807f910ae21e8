-- snapshot: erp/customers
-- grain: one row per customer
select
    landed_row_no,
    customer_no as customer_id,
    name as customer_name,
    status,
    payment_terms
from landed
