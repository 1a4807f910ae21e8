-- snapshot: olist_finance/payments
-- grain: one row per part payment of an order
select
    landed_row_no,
    order_id || '/' || payment_sequential as charge_id,
    order_id,
    payment_value as charged_amount,
    'BRL' as currency
from landed
