-- snapshot: erp/stock
-- grain: one row per item at a site, as the ERP books it
select
    landed_row_no,
    site as node,
    sku,
    uom,
    on_hand as on_hand_qty,
    allocated as reserved_qty,
    atp as available_qty
from landed
