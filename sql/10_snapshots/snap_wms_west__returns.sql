-- snapshot: wms_west/returns
-- grain: one row per order line that came back
select
    landed_row_no,
    "return" as return_id,
    "order" as order_id,
    line as line_no,
    shipment as shipment_id,
    'WEST' as node,
    sku,
    unit as uom,
    qty as returned_qty,
    "condition",
    received_at
from landed
