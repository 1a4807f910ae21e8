-- snapshot: tryton_finance/credit_accounts
-- grain: one row per party with a credit limit
select
    landed_row_no,
    code as customer_id,
    json_extract_string(credit_limit_amount, '$.decimal') as credit_limit_amount,
    json_extract_string(receivable, '$.decimal') as open_receivable_amount,
    json_extract_string("currency.", '$.code') as currency
from landed
