-- snapshot: wms_north/returns
-- grain: one row per order line that came back
select
    landed_row_no,
    return_no as return_id,
    order_no as order_id,
    line_no,
    shipment_no as shipment_id,
    'NORTH' as node,
    item as sku,
    unit as uom,
    qty as returned_qty,
    "condition",
    received_at
from landed
