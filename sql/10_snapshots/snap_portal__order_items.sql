-- snapshot: portal/order_items
-- grain: one row per item of an order placed in the portal
select
    landed_row_no,
    order_id,
    line as line_no,
    sku,
    buyer_item as foreign_sku,
    uom,
    qty as ordered_qty,
    qty_cancelled as cancelled_qty,
    price as unit_price,
    currency
from landed
