-- grain: one row per case of customer service
-- key: system, source_key
select
    system,
    role,
    source_key,
    case_id,
    order_id,
    line_no,
    shipment_id,
    case_type,
    status,
    opened_by,
    opened_at,
    claimed_qty,
    accepted_at,
    snapshot_id,
    as_of
from feed_customer_cases
