-- snapshot: tms/deliveries
-- grain: one row per order line on a proof of delivery
select
    landed_row_no,
    shipment as shipment_id,
    "order" as order_id,
    line as line_no,
    sku,
    unit as uom,
    qty as delivered_qty,
    damaged as damaged_qty,
    signed_at as delivered_at
from landed
