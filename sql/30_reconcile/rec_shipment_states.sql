-- grain: one row per shipment leg that has left a warehouse or that a carrier knows
-- How far the leg is, by the highest rank among its events that were not declared wrong: an event that comes late, out
-- of order or twice never takes it back (domain book 2.1, law 5). DELAYED and HELD tell of trouble, not of progress.
-- What has left a warehouse is DEPARTED, whatever the carrier says.
-- scope: shipment
with

departures as (
    select
        shipment_id,
        min(node) as node,
        min(order_id) as first_order_id,
        min(shipped_at) as departed_at,
        sum(shipped_qty) as departed_qty
    from canon_shipment_lines
    where role = 'wms'
    group by shipment_id
),

ranked_events as (
    select
        shipment_id,
        milestone,
        occurred_at,
        recorded_at,
        case milestone
            when 'PLANNED' then 0
            when 'TENDERED' then 1
            when 'LABELLED' then 2
            when 'DEPARTED' then 3
            when 'IN_TRANSIT' then 4
            when 'OUT_FOR_DELIVERY' then 5
            when 'ATTEMPTED' then 6
            when 'DELIVERY_MISSED' then 7
            when 'LOST' then 8
            when 'DELIVERED' then 9
            when 'DELIVERED_WITH_EXCEPTION' then 10
            when 'REFUSED' then 11
            when 'RETURNED' then 12
            when 'VOIDED' then 13
        end as milestone_rank
    from canon_shipment_milestones
    where role = 'carrier' and declared_error is null
),

progress as (
    select
        shipment_id,
        max(milestone_rank) as milestone_rank,
        max(
            case
                when milestone_rank in (6, 7, 8) or milestone_rank >= 10 then occurred_at
            end
        ) as failed_at,
        min(case when milestone = 'DEPARTED' then occurred_at end) as departed_at,
        max(case when milestone in ('DELIVERED', 'DELIVERED_WITH_EXCEPTION') then occurred_at end) as delivered_at,
        max(case when milestone in ('DELIVERED', 'DELIVERED_WITH_EXCEPTION') then recorded_at end)
            as delivery_recorded_at,
        max(case when milestone = 'DELAYED' then occurred_at end) as delayed_at,
        max(occurred_at) as last_event_at,
        max(recorded_at) as last_recorded_at
    from ranked_events
    group by shipment_id
),

tendered as (
    select
        shipment_id,
        min(carrier_id) as carrier_id,
        min(lane) as lane,
        min(departed_at) as departed_at,
        max(eta_at) as eta_at,
        max(snapshot_id) as snapshot_id
    from canon_transports
    where role = 'carrier'
    group by shipment_id
),

known_legs as (
    select shipment_id from departures
    union
    select shipment_id from tendered
    union
    select shipment_id from progress
),

followed as (
    select
        known_legs.shipment_id,
        coalesce(departures.node, '') as node,
        departures.first_order_id,
        departures.departed_qty,
        tendered.carrier_id,
        tendered.lane,
        tendered.eta_at,
        tendered.snapshot_id,
        greatest(
            coalesce(progress.milestone_rank, 0),
            case when coalesce(departures.departed_at, tendered.departed_at) is not null then 3 else 0 end
        ) as state_rank,
        progress.failed_at,
        coalesce(departures.departed_at, tendered.departed_at, progress.departed_at) as departed_at,
        progress.delivered_at,
        progress.delivery_recorded_at,
        progress.delayed_at,
        progress.last_event_at,
        progress.last_recorded_at
    from known_legs
    left join departures on known_legs.shipment_id = departures.shipment_id
    left join tendered on known_legs.shipment_id = tendered.shipment_id
    left join progress on known_legs.shipment_id = progress.shipment_id
)

select
    shipment_id as scope_key,
    shipment_id,
    node,
    first_order_id,
    cast(departed_qty as decimal(18, 4)) as departed_qty,
    carrier_id,
    lane,
    case state_rank
        when 0 then 'PLANNED'
        when 1 then 'TENDERED'
        when 2 then 'LABELLED'
        when 3 then 'DEPARTED'
        when 4 then 'IN_TRANSIT'
        when 5 then 'OUT_FOR_DELIVERY'
        when 6 then 'ATTEMPTED'
        when 7 then 'DELIVERY_MISSED'
        when 8 then 'LOST'
        when 9 then 'DELIVERED'
        when 10 then 'DELIVERED_WITH_EXCEPTION'
        when 11 then 'REFUSED'
        when 12 then 'RETURNED'
        when 13 then 'VOIDED'
    end as state,
    cast(state_rank as bigint) as state_rank,
    case when state_rank <> 9 then failed_at end as failed_at,
    departed_at,
    case when state_rank >= 9 then delivered_at end as delivered_at,
    case when state_rank >= 9 then delivery_recorded_at end as delivery_recorded_at,
    delayed_at,
    last_event_at,
    last_recorded_at,
    eta_at,
    snapshot_id
from followed
