-- snapshot: erp/order_lines
-- grain: one row per sales order line
select
    landed_row_no,
    order_no as order_id,
    line_no,
    sku,
    substitute_sku,
    uom,
    qty_ordered as ordered_qty,
    qty_cancelled as cancelled_qty,
    qty_allocated as allocated_qty,
    unit_price,
    currency,
    site as node,
    release_due_at,
    promised_at
from landed
