-- snapshot: erp/customer_locations
-- grain: one row per place a customer has goods sent to
select
    landed_row_no,
    customer_no as customer_id,
    ship_to_no as ship_to_id,
    status
from landed
