-- grain: one row per line of a channel's order that waits for the mapping $business_key
select system, order_id, line_no, customer_id, foreign_sku, open_qty, open_amount, currency, ordered_at
from rec_order_intake
where reference_key = $business_key
order by ordered_at, order_id, line_no
limit 50
