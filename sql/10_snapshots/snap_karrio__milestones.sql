-- snapshot: karrio/milestones
-- grain: one row per state that a shipment is known to have reached: its label, and where it stands now
-- A state that a clerk sets has no time of its own in Karrio. The time of the shipment stands in for it, which is
-- never too late: what is overdue shows early.
with

labelled as (
    select landed_row_no, id, reference, 'created' as status, created_at
    from landed
    where tracking_number is not null
),

standing as (
    select landed_row_no, id, reference, status, created_at
    from landed
    where status <> 'created'
),

reached as (
    select landed_row_no, id, reference, status, created_at
    from labelled
    union all
    select landed_row_no, id, reference, status, created_at
    from standing
)

select
    landed_row_no,
    id || '/' || status as milestone_id,
    reference as shipment_id,
    case status
        when 'draft' then 'PLANNED'
        when 'created' then 'LABELLED'
        when 'shipped' then 'DEPARTED'
        when 'in_transit' then 'IN_TRANSIT'
        when 'out_for_delivery' then 'OUT_FOR_DELIVERY'
        when 'delivered' then 'DELIVERED'
        when 'needs_attention' then 'HELD'
        when 'delivery_failed' then 'DELIVERY_MISSED'
        when 'cancelled' then 'VOIDED'
        else status
    end as milestone,
    created_at as occurred_at,
    created_at as recorded_at
from reached
