-- grain: one row per customer and what finance lets it owe
-- key: system, source_key
select
    system,
    role,
    source_key,
    customer_id,
    credit_limit_amount,
    open_receivable_amount,
    currency,
    snapshot_id,
    as_of
from feed_credit_accounts
