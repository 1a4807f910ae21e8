-- snapshot: wms_west/shipments
-- grain: one row per order line on a departed shipment leg
select
    landed_row_no,
    shipment as shipment_id,
    "order" as order_id,
    line as line_no,
    'WEST' as node,
    sku,
    unit as uom,
    qty as shipped_qty,
    departed_at as shipped_at,
    null as confirmed_at
from landed
