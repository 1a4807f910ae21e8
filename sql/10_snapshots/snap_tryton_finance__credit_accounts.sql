-- snapshot: tryton_finance/credit_accounts
-- grain: one row per party with a customer's number
with

parties as (
    select
        landed_row_no,
        code,
        try_cast(credit_limit_amount as json) as credit_limit_amount,
        try_cast(receivable as json) as receivable,
        try_cast("currency." as json) as currency
    from landed
)

select
    landed_row_no,
    code as customer_id,
    json_extract_string(credit_limit_amount, '$.decimal') as credit_limit_amount,
    json_extract_string(receivable, '$.decimal') as open_receivable_amount,
    json_extract_string(currency, '$.code') as currency
from parties
