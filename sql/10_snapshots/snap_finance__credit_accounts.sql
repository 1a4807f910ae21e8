-- snapshot: finance/credit_accounts
-- grain: one row per customer
select
    landed_row_no,
    customer_no as customer_id,
    credit_limit as credit_limit_amount,
    open_receivable as open_receivable_amount,
    currency
from landed
