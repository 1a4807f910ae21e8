-- snapshot: erp/inbound_supply
-- grain: one row per expected receipt
select
    landed_row_no,
    supply_no as supply_id,
    site as node,
    sku,
    uom,
    qty as expected_qty,
    status,
    expected_at
from landed
