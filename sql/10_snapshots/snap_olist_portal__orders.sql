-- snapshot: olist_portal/orders
-- grain: one row per order of the marketplace; its times are local to Sao Paulo
select
    landed_row_no,
    order_id,
    'OLIST' as channel,
    order_id as channel_order_id,
    customer_id,
    null as customer_po,
    case order_status
        when 'delivered' then 'CLOSED'
        when 'canceled' then 'CANCELLED'
        when 'unavailable' then 'CANCELLED'
        when 'approved' then 'OPEN'
        when 'created' then 'OPEN'
        when 'invoiced' then 'OPEN'
        when 'processing' then 'OPEN'
        when 'shipped' then 'OPEN'
        else order_status
    end as status,
    'BRL' as currency,
    timezone('America/Sao_Paulo', order_purchase_timestamp) as ordered_at
from landed
