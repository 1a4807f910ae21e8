-- snapshot: olist_portal/order_items
-- grain: one row per item of an order; each item is one piece
select
    landed_row_no,
    order_id,
    order_item_id as line_no,
    product_id as sku,
    'EA' as uom,
    1 as ordered_qty,
    0 as cancelled_qty,
    null as allocated_qty,
    price as unit_price,
    freight_value as freight_amount,
    'BRL' as currency,
    null as node,
    null as release_due_at,
    null as promised_at
from landed
