-- snapshot: wms_east/shipments
-- grain: one row per order line on a departed shipment leg
select
    landed_row_no,
    shipment_no as shipment_id,
    order_no as order_id,
    line_no,
    'EAST' as node,
    item as sku,
    unit as uom,
    qty as shipped_qty,
    departed_at as shipped_at,
    null as confirmed_at
from landed
