-- snapshot: vendure/orders
-- grain: one row per order placed in the portal
select
    landed_row_no,
    code as order_id,
    'PORTAL' as channel,
    code as channel_order_id,
    json_extract_string(try_cast(customer as json), '$.email') as customer_id,
    case state
        when 'Cancelled' then 'CANCELLED'
        when 'Delivered' then 'CLOSED'
        when 'PaymentAuthorized' then 'OPEN'
        when 'PaymentSettled' then 'OPEN'
        when 'PartiallyShipped' then 'OPEN'
        when 'Shipped' then 'OPEN'
        when 'PartiallyDelivered' then 'OPEN'
        when 'Modifying' then 'OPEN'
        when 'ArrangingAdditionalPayment' then 'OPEN'
        else state
    end as status,
    currency,
    placed_at as ordered_at
from landed
