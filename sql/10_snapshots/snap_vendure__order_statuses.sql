-- snapshot: vendure/order_statuses
-- grain: one row per order of the portal that the ERP has taken in, as its customer sees it
select
    landed_row_no,
    json_extract_string(try_cast(own as json), '$.erp_order_no') as order_id,
    case state
        when 'PaymentAuthorized' then 'ACCEPTED'
        when 'PaymentSettled' then 'ACCEPTED'
        when 'Modifying' then 'ACCEPTED'
        when 'ArrangingAdditionalPayment' then 'ACCEPTED'
        when 'PartiallyShipped' then 'IN_FULFILMENT'
        when 'Shipped' then 'SHIPPED'
        when 'PartiallyDelivered' then 'SHIPPED'
        when 'Delivered' then 'DELIVERED'
        when 'Cancelled' then 'CANCELLED'
        else state
    end as shown_status,
    updated_at
from landed
