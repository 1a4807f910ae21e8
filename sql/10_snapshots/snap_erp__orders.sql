-- snapshot: erp/orders
-- grain: one row per sales order
select
    landed_row_no,
    order_no as order_id,
    channel,
    channel_order_no as channel_order_id,
    customer_no as customer_id,
    customer_po,
    ship_to_no as ship_to_id,
    payment_terms,
    priority,
    revision_no,
    status,
    currency,
    ordered_at,
    requested_at
from landed
