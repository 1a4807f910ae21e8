-- grain: one row per event in the life of the orders in $order_ids, as one system tells it
-- `channel_order_ids` are what the channels call these orders. Names of events are those of the domain book 2.3.
with

own_orders as (
    select unnest(cast($order_ids as varchar[])) as order_id
),

named_orders as (
    select order_id
    from own_orders
    union
    select unnest(cast($channel_order_ids as varchar[])) as order_id
),

headers as (
    select
        ordered_at as occurred_at,
        case when role = 'channel' then 'order.received' else 'order.accepted' end as event,
        system, order_id, cast(null as bigint) as line_no, cast(null as varchar) as subject_id,
        cast(null as decimal(18, 4)) as quantity_qty, status as detail, snapshot_id
    from canon_orders
    where order_id in (select order_id from named_orders)
),

hold_events as (
    select
        placed_at as occurred_at, 'hold.applied' as event, system, order_id, cast(null as bigint) as line_no,
        hold_id as subject_id, cast(null as decimal(18, 4)) as quantity_qty, hold_type || ' by ' || placed_by as detail,
        snapshot_id
    from canon_holds
    where order_id in (select order_id from own_orders)
    union all
    select
        resolved_at as occurred_at, 'hold.resolved' as event, system, order_id, cast(null as bigint) as line_no,
        hold_id as subject_id, cast(null as decimal(18, 4)) as quantity_qty, status as detail, snapshot_id
    from canon_holds
    where order_id in (select order_id from own_orders) and resolved_at is not null
),

release_events as (
    select
        case when role = 'wms' then coalesce(acked_at, released_at) else released_at end as occurred_at,
        case when role = 'wms' then 'release.acked' else 'order.released' end as event,
        system, order_id, line_no, release_id as subject_id, released_qty as quantity_qty, node as detail, snapshot_id
    from canon_releases
    where order_id in (select order_id from own_orders)
    union all
    select
        picked_at as occurred_at, 'pick.confirmed' as event, system, order_id, line_no, release_id as subject_id,
        picked_qty as quantity_qty, node as detail, snapshot_id
    from canon_releases
    where order_id in (select order_id from own_orders) and picked_at is not null
),

pack_events as (
    select
        packed_at as occurred_at, 'pack.completed' as event, system, order_id, line_no, pack_id as subject_id,
        packed_qty as quantity_qty, sku as detail, snapshot_id
    from canon_packs
    where order_id in (select order_id from own_orders)
),

leg_events as (
    select
        case when role = 'erp' then coalesce(confirmed_at, shipped_at) else shipped_at end as occurred_at,
        case
            when role = 'wms' then 'shipment.departed'
            when role = 'erp' then 'shipment.confirmed'
            else 'asn.sent'
        end as event,
        system, order_id, line_no, shipment_id as subject_id, shipped_qty as quantity_qty, node as detail, snapshot_id
    from canon_shipment_lines
    where order_id in (select order_id from named_orders)
),

carrier_events as (
    select
        milestones.occurred_at, 'shipment.milestone' as event, milestones.system, cast(null as varchar) as order_id,
        cast(null as bigint) as line_no,
        milestones.shipment_id as subject_id, cast(null as decimal(18, 4)) as quantity_qty,
        milestones.milestone || coalesce(' (' || lower(milestones.declared_error) || ')', '') as detail,
        milestones.snapshot_id
    from canon_shipment_milestones as milestones
    where milestones.shipment_id in (
        select shipment_id from canon_shipment_lines where order_id in (select order_id from own_orders)
    )
    union all
    select
        delivered_at as occurred_at, 'delivery.confirmed' as event, system, order_id, line_no,
        shipment_id as subject_id,
        delivered_qty as quantity_qty,
        case when damaged_qty > 0 then cast(damaged_qty as varchar) || ' damaged' else '' end as detail, snapshot_id
    from canon_delivery_lines
    where order_id in (select order_id from own_orders)
    union all
    select
        occurred_at, 'order.milestone' as event, system, order_id, cast(null as bigint) as line_no,
        order_id as subject_id,
        cast(null as decimal(18, 4)) as quantity_qty, milestone as detail, snapshot_id
    from canon_milestones
    where order_id in (select order_id from named_orders)
),

return_events as (
    select
        received_at as occurred_at, 'return.received' as event, system, order_id, line_no, return_id as subject_id,
        returned_qty as quantity_qty, condition as detail, snapshot_id
    from canon_returns
    where order_id in (select order_id from own_orders)
),

document_events as (
    select
        coalesce(posted_at, as_of) as occurred_at,
        case
            when document_type = 'CREDIT_MEMO' then 'credit_memo.posted'
            when status = 'DRAFT' then 'invoice.drafted'
            else 'invoice.posted'
        end as event,
        system, order_id, line_no, invoice_id || '/' || invoice_line_no as subject_id, invoiced_qty as quantity_qty,
        status || ', match ' || match_label as detail, snapshot_id
    from rec_billed_lines
    where order_id in (select order_id from own_orders)
),

customer_events as (
    select
        updated_at as occurred_at, 'status.shown' as event, system, order_id, cast(null as bigint) as line_no,
        order_id as subject_id, cast(null as decimal(18, 4)) as quantity_qty, shown_status as detail, snapshot_id
    from canon_order_statuses
    where order_id in (select order_id from own_orders)
    union all
    select
        opened_at as occurred_at, 'case.opened' as event, system, order_id, line_no, case_id as subject_id,
        claimed_qty as quantity_qty, case_type || ' by ' || opened_by as detail, snapshot_id
    from canon_customer_cases
    where order_id in (select order_id from own_orders)
),

edi_events as (
    select
        sent_at as occurred_at, 'document.sent' as event, system, order_id, cast(null as bigint) as line_no,
        document_id as subject_id, cast(null as decimal(18, 4)) as quantity_qty,
        document_type || ' ' || direction || coalesce(', 997 ' || ack_status, ', no 997 yet') as detail, snapshot_id
    from canon_edi_documents
    where order_id in (select order_id from named_orders)
),

events as (
    select * from headers
    union all
    select * from hold_events
    union all
    select * from release_events
    union all
    select * from pack_events
    union all
    select * from leg_events
    union all
    select * from carrier_events
    union all
    select * from return_events
    union all
    select * from document_events
    union all
    select * from customer_events
    union all
    select * from edi_events
)

select occurred_at, event, system, order_id, line_no, subject_id, quantity_qty, detail, snapshot_id
from events
order by occurred_at, event, system, order_id, line_no, subject_id, quantity_qty, detail, snapshot_id
