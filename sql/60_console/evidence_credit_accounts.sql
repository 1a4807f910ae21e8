-- grain: one row per system that keeps the account of $customer_id
select
    system, role, customer_id, credit_limit_amount, open_receivable_amount, currency, snapshot_id, as_of
from canon_credit_accounts
where customer_id = $customer_id
order by role, system
