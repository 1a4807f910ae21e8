-- snapshot: crm/cases
-- grain: one row per case of customer service
select
    landed_row_no,
    "case" as case_id,
    "order" as order_id,
    line as line_no,
    shipment as shipment_id,
    type as case_type,
    status,
    opened_by,
    opened_at,
    claimed as claimed_qty,
    accepted_at
from landed
