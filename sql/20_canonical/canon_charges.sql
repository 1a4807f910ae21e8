-- grain: one row per amount charged for a whole order in one system
-- key: system, source_key
select
    system,
    role,
    source_key,
    charge_id,
    order_id,
    charged_amount,
    currency,
    snapshot_id,
    as_of
from feed_charges
