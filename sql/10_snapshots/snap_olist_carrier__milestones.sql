-- snapshot: olist_carrier/milestones
-- grain: one row per milestone that an order has reached; its times are local to Sao Paulo
with

milestones as (
    select landed_row_no, order_id, 'PURCHASED' as milestone, order_purchase_timestamp as local_time
    from landed
    union all
    select landed_row_no, order_id, 'APPROVED' as milestone, order_approved_at as local_time
    from landed
    union all
    select landed_row_no, order_id, 'HANDED_OVER' as milestone, order_delivered_carrier_date as local_time
    from landed
    union all
    select landed_row_no, order_id, 'DELIVERED' as milestone, order_delivered_customer_date as local_time
    from landed
)

select
    landed_row_no,
    order_id,
    milestone,
    timezone('America/Sao_Paulo', local_time) as occurred_at
from milestones
where local_time is not null
