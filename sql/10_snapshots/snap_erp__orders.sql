-- snapshot: erp/orders
-- grain: one row per sales order
select
    landed_row_no,
    order_no as order_id,
    channel,
    channel_order_no as channel_order_id,
    customer_no as customer_id,
    customer_po,
    status,
    currency,
    ordered_at
from landed
