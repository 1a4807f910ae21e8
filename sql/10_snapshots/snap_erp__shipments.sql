-- snapshot: erp/shipments
-- grain: one row per booked ship confirmation of an order line
select
    landed_row_no,
    shipment_no as shipment_id,
    order_no as order_id,
    line_no,
    site as node,
    sku,
    uom,
    qty as shipped_qty,
    shipped_at,
    confirmed_at
from landed
