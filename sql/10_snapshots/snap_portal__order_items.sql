-- snapshot: portal/order_items
-- grain: one row per item of an order placed in the portal
select
    landed_row_no,
    order_id,
    line as line_no,
    sku,
    uom,
    qty as ordered_qty,
    qty_cancelled as cancelled_qty,
    null as allocated_qty,
    price as unit_price,
    null as freight_amount,
    currency,
    null as node,
    null as release_due_at,
    null as promised_at
from landed
