-- grain: one row per order line: every line the ERP knows, and every line of a channel order that the ERP does not know
-- Quantities in base units, as the authority for each says (domain book 2.1 and 2.4). They are told three times over,
-- each time in buckets that do not overlap; what is more than there can be has a bucket of its own:
--   ordered - cancelled = open + backordered + allocated_unreleased + released_unpicked + picked_unshipped
--                         + short_closed + shipped - overshipped
--   shipped = in_transit + kept + returned + lost - overdelivered
--   shipped - returned - claimed = billed + unbilled - overbilled
-- The residuals are the edges between systems; each that is not zero must be explained by a finding (rec_unexplained).
-- scope: order
with

erp_orders as (
    select order_id, channel_order_id, status
    from canon_orders
    where role = 'erp'
),

erp_lines as (
    select
        lines.order_id,
        lines.line_no,
        lines.node,
        lines.sku,
        lines.ordered_qty,
        lines.cancelled_qty,
        lines.allocated_qty,
        lines.unit_price,
        lines.currency,
        orders.channel_order_id,
        coalesce(orders.status, 'OPEN') as status
    from canon_order_lines as lines
    left join erp_orders as orders on lines.order_id = orders.order_id
    where lines.role = 'erp'
),

-- A line that the ERP lacks belongs to the ERP's order where there is one.
channel_lines as (
    select
        coalesce(erp_orders.order_id, lines.order_id) as order_id,
        lines.order_id as channel_order_id,
        lines.line_no,
        lines.sku,
        lines.ordered_qty,
        lines.cancelled_qty,
        lines.unit_price,
        lines.currency
    from canon_order_lines as lines
    inner join canon_orders as orders
        on orders.role = 'channel' and lines.system = orders.system and lines.order_id = orders.order_id
    left join erp_orders on lines.order_id = erp_orders.channel_order_id
    where lines.role = 'channel' and orders.status <> 'CANCELLED'
),

lines as (
    select
        coalesce(erp_lines.order_id, channel_lines.order_id) as order_id,
        coalesce(erp_lines.line_no, channel_lines.line_no) as line_no,
        coalesce(erp_lines.node, '') as node,
        coalesce(erp_lines.sku, channel_lines.sku) as sku,
        coalesce(erp_lines.channel_order_id, channel_lines.channel_order_id) as channel_order_id,
        coalesce(erp_lines.ordered_qty, 0) as ordered_qty,
        coalesce(erp_lines.cancelled_qty, 0) as cancelled_qty,
        coalesce(erp_lines.allocated_qty, 0) as allocated_qty,
        channel_lines.ordered_qty as channel_ordered_qty,
        case
            when erp_lines.status = 'CANCELLED' then 0
            when
                channel_lines.ordered_qty - channel_lines.cancelled_qty
                = coalesce(erp_lines.ordered_qty - erp_lines.cancelled_qty, 0)
                then 0
            else coalesce(channel_lines.ordered_qty - coalesce(erp_lines.ordered_qty, 0), 0)
        end as residual_ordered_qty,
        coalesce(erp_lines.status, 'OPEN') as status,
        coalesce(erp_lines.unit_price, channel_lines.unit_price) as unit_price,
        coalesce(erp_lines.currency, channel_lines.currency) as currency
    from erp_lines
    full outer join channel_lines
        on erp_lines.order_id = channel_lines.order_id and erp_lines.line_no = channel_lines.line_no
),

releases as (
    select
        order_id,
        line_no,
        cast(sum(case when role = 'erp' then released_qty else 0 end) as decimal(18, 4)) as released_qty,
        cast(sum(case when role = 'wms' then released_qty else 0 end) as decimal(18, 4)) as taken_in_qty,
        cast(sum(case when role = 'wms' then coalesce(picked_qty, 0) else 0 end) as decimal(18, 4)) as picked_qty,
        cast(sum(
            case
                when role = 'wms' and pick_status = 'CLOSED' then greatest(released_qty - coalesce(picked_qty, 0), 0)
                else 0
            end
        ) as decimal(18, 4)) as short_picked_qty,
        max(case when role = 'wms' then coalesce(acked_at, released_at) end) as last_taken_in_at
    from canon_releases
    group by order_id, line_no
),

packs as (
    select order_id, line_no, cast(sum(packed_qty) as decimal(18, 4)) as packed_qty
    from canon_packs
    where role = 'wms'
    group by order_id, line_no
),

legs as (
    select
        order_id,
        line_no,
        cast(sum(case when role = 'wms' then shipped_qty else 0 end) as decimal(18, 4)) as shipped_qty,
        cast(sum(case when role = 'erp' then shipped_qty else 0 end) as decimal(18, 4)) as confirmed_qty,
        count(*) filter (where role = 'wms') as leg_count,
        max(case when role = 'erp' then coalesce(confirmed_at, shipped_at) end) as last_confirmed_at
    from canon_shipment_lines
    group by order_id, line_no
),

departed_legs as (
    select shipment_id, order_id, line_no, shipped_qty
    from canon_shipment_lines
    where role = 'wms'
),

delivered_legs as (
    select shipment_id, order_id, line_no, delivered_qty
    from canon_delivery_lines
    where role = 'carrier'
),

lost_shipments as (
    select distinct shipment_id
    from canon_shipment_milestones
    where role = 'carrier' and milestone = 'LOST' and declared_error is null
),

lost_legs as (
    select departed_legs.order_id, departed_legs.line_no, departed_legs.shipped_qty as lost_qty
    from departed_legs
    semi join lost_shipments on departed_legs.shipment_id = lost_shipments.shipment_id
    anti join delivered_legs
        on departed_legs.shipment_id = delivered_legs.shipment_id
        and departed_legs.order_id = delivered_legs.order_id
        and departed_legs.line_no = delivered_legs.line_no
),

settled_shipments as (
    select distinct shipment_id
    from canon_customer_cases
    where role = 'crm' and case_type = 'CLAIM' and accepted_at is not null and shipment_id is not null
),

-- What a proof of delivery lacks is lost, and an edge between warehouse and carrier until the claim for it is accepted.
carried_legs as (
    select
        delivered_legs.order_id,
        delivered_legs.line_no,
        delivered_legs.delivered_qty,
        greatest(coalesce(departed_legs.shipped_qty, 0) - delivered_legs.delivered_qty, 0) as lost_qty,
        case
            when settled_shipments.shipment_id is not null then 0
            else greatest(coalesce(departed_legs.shipped_qty, 0) - delivered_legs.delivered_qty, 0)
        end as short_delivered_qty
    from delivered_legs
    left join departed_legs
        on delivered_legs.shipment_id = departed_legs.shipment_id
        and delivered_legs.order_id = departed_legs.order_id
        and delivered_legs.line_no = departed_legs.line_no
    left join settled_shipments on delivered_legs.shipment_id = settled_shipments.shipment_id
    union all
    select
        order_id,
        line_no,
        cast(0 as decimal(18, 4)) as delivered_qty,
        lost_qty,
        cast(0 as decimal(18, 4)) as short_delivered_qty
    from lost_legs
),

deliveries as (
    select
        order_id,
        line_no,
        cast(sum(delivered_qty) as decimal(18, 4)) as delivered_qty,
        cast(sum(short_delivered_qty) as decimal(18, 4)) as short_delivered_qty,
        cast(sum(lost_qty) as decimal(18, 4)) as lost_qty
    from carried_legs
    group by order_id, line_no
),

returns as (
    select order_id, line_no, cast(sum(returned_qty) as decimal(18, 4)) as returned_qty
    from canon_returns
    where role = 'wms'
    group by order_id, line_no
),

claims as (
    select order_id, line_no, cast(sum(claimed_qty) as decimal(18, 4)) as claimed_qty
    from canon_customer_cases
    where role = 'crm' and case_type = 'CLAIM' and accepted_at is not null and order_id is not null
    group by order_id, line_no
),

billing as (
    select
        order_id,
        line_no,
        cast(sum(case when document_type = 'INVOICE' then invoiced_qty else 0 end) as decimal(18, 4)) as invoiced_qty,
        cast(
            sum(case when document_type = 'CREDIT_MEMO' then invoiced_qty else 0 end) as decimal(18, 4)
        ) as credited_qty,
        cast(sum(
            case
                when status = 'DRAFT' then 0
                when document_type = 'INVOICE' then invoiced_qty
                else -invoiced_qty
            end
        ) as decimal(18, 4)) as posted_qty,
        max(posted_at) as last_posted_at,
        bool_or(posted_at is null) as has_undated_document
    from rec_billed_lines
    where status <> 'VOID' and order_id is not null
    group by order_id, line_no
),

-- A draft of a leg that has not left bills nobody yet: it is counted, but it is no edge.
waiting_drafts as (
    select drafts.order_id, drafts.line_no, cast(sum(drafts.invoiced_qty) as decimal(18, 4)) as draft_qty
    from rec_billed_lines as drafts
    anti join departed_legs
        on drafts.shipment_id = departed_legs.shipment_id
        and drafts.order_id = departed_legs.order_id
        and drafts.line_no = departed_legs.line_no
    where drafts.status = 'DRAFT' and drafts.document_type = 'INVOICE' and drafts.shipment_id is not null
    group by drafts.order_id, drafts.line_no
),

quantities as (
    select
        lines.order_id,
        lines.line_no,
        lines.node,
        lines.sku,
        lines.channel_order_id,
        lines.channel_ordered_qty,
        lines.residual_ordered_qty,
        lines.status,
        lines.ordered_qty,
        lines.cancelled_qty,
        lines.allocated_qty,
        coalesce(releases.released_qty, 0) as released_qty,
        coalesce(releases.taken_in_qty, 0) as taken_in_qty,
        coalesce(releases.picked_qty, 0) as picked_qty,
        coalesce(releases.short_picked_qty, 0) as short_picked_qty,
        coalesce(packs.packed_qty, 0) as packed_qty,
        coalesce(legs.shipped_qty, 0) as shipped_qty,
        coalesce(legs.confirmed_qty, 0) as confirmed_qty,
        coalesce(legs.leg_count, 0) as leg_count,
        coalesce(deliveries.delivered_qty, 0) as delivered_qty,
        coalesce(deliveries.short_delivered_qty, 0) as short_delivered_qty,
        coalesce(deliveries.lost_qty, 0) as lost_qty,
        coalesce(returns.returned_qty, 0) as returned_qty,
        coalesce(claims.claimed_qty, 0) as claimed_qty,
        coalesce(legs.shipped_qty, 0) - coalesce(returns.returned_qty, 0) - coalesce(claims.claimed_qty, 0)
            as billable_qty,
        coalesce(billing.invoiced_qty, 0) - coalesce(billing.credited_qty, 0) as billed_qty,
        coalesce(billing.invoiced_qty, 0) as invoiced_qty,
        coalesce(billing.credited_qty, 0) as credited_qty,
        coalesce(billing.posted_qty, 0) as posted_qty,
        coalesce(waiting_drafts.draft_qty, 0) as waiting_draft_qty,
        greatest(coalesce(releases.released_qty, 0), coalesce(releases.taken_in_qty, 0)) as sent_qty,
        greatest(coalesce(deliveries.delivered_qty, 0), coalesce(returns.returned_qty, 0))
        + coalesce(deliveries.lost_qty, 0) as arrived_qty,
        releases.last_taken_in_at,
        legs.last_confirmed_at,
        billing.last_posted_at,
        coalesce(billing.has_undated_document, false) as has_undated_document,
        lines.unit_price,
        lines.currency
    from lines
    left join releases on lines.order_id = releases.order_id and lines.line_no = releases.line_no
    left join packs on lines.order_id = packs.order_id and lines.line_no = packs.line_no
    left join legs on lines.order_id = legs.order_id and lines.line_no = legs.line_no
    left join deliveries on lines.order_id = deliveries.order_id and lines.line_no = deliveries.line_no
    left join returns on lines.order_id = returns.order_id and lines.line_no = returns.line_no
    left join claims on lines.order_id = claims.order_id and lines.line_no = claims.line_no
    left join billing on lines.order_id = billing.order_id and lines.line_no = billing.line_no
    left join waiting_drafts
        on lines.order_id = waiting_drafts.order_id and lines.line_no = waiting_drafts.line_no
),

-- What is not shipped yet is told from the end of the way to its beginning: each step takes what the steps after it
-- have left. The ERP takes off what it allocated when it books a confirmation.
steps as (
    select
        quantities.*,
        greatest(ordered_qty - cancelled_qty - shipped_qty, 0) as unshipped_qty,
        case when status = 'OPEN' then greatest(ordered_qty - cancelled_qty - shipped_qty, 0) else 0 end as waiting_qty,
        greatest(picked_qty - shipped_qty, 0) as at_pick_qty,
        greatest(picked_qty - shipped_qty, 0)
        + greatest(sent_qty - greatest(picked_qty, shipped_qty) - short_picked_qty, 0) as at_release_qty,
        greatest(allocated_qty + least(confirmed_qty, sent_qty) - sent_qty, 0) as at_allocation_qty
    from quantities
)

select
    order_id as scope_key,
    order_id,
    line_no,
    node,
    sku,
    channel_order_id,
    cast(channel_ordered_qty as decimal(18, 4)) as channel_ordered_qty,
    cast(ordered_qty as decimal(18, 4)) as ordered_qty,
    cast(cancelled_qty as decimal(18, 4)) as cancelled_qty,
    cast(allocated_qty as decimal(18, 4)) as allocated_qty,
    cast(released_qty as decimal(18, 4)) as released_qty,
    cast(taken_in_qty as decimal(18, 4)) as taken_in_qty,
    cast(picked_qty as decimal(18, 4)) as picked_qty,
    cast(short_picked_qty as decimal(18, 4)) as short_picked_qty,
    cast(packed_qty as decimal(18, 4)) as packed_qty,
    cast(shipped_qty as decimal(18, 4)) as shipped_qty,
    leg_count,
    cast(confirmed_qty as decimal(18, 4)) as confirmed_qty,
    cast(delivered_qty as decimal(18, 4)) as delivered_qty,
    cast(returned_qty as decimal(18, 4)) as returned_qty,
    cast(claimed_qty as decimal(18, 4)) as claimed_qty,
    cast(invoiced_qty as decimal(18, 4)) as invoiced_qty,
    cast(credited_qty as decimal(18, 4)) as credited_qty,
    cast(posted_qty as decimal(18, 4)) as posted_qty,
    cast(
        waiting_qty - least(waiting_qty, at_release_qty + at_allocation_qty + short_picked_qty) as decimal(18, 4)
    ) as open_qty,
    cast(
        least(waiting_qty, at_release_qty + at_allocation_qty + short_picked_qty)
        - least(waiting_qty, at_release_qty + at_allocation_qty) as decimal(18, 4)
    ) as backordered_qty,
    cast(
        least(waiting_qty, at_release_qty + at_allocation_qty) - least(waiting_qty, at_release_qty) as decimal(18, 4)
    ) as allocated_unreleased_qty,
    cast(least(waiting_qty, at_release_qty) - least(waiting_qty, at_pick_qty) as decimal(18, 4))
        as released_unpicked_qty,
    cast(least(waiting_qty, at_pick_qty) as decimal(18, 4)) as picked_unshipped_qty,
    cast(unshipped_qty - waiting_qty as decimal(18, 4)) as short_closed_qty,
    cast(
        greatest(shipped_qty - (ordered_qty - cancelled_qty), 0) as decimal(18, 4)
    ) as overshipped_qty,
    cast(greatest(shipped_qty - arrived_qty, 0) as decimal(18, 4)) as in_transit_qty,
    cast(greatest(delivered_qty - returned_qty, 0) as decimal(18, 4)) as kept_qty,
    cast(lost_qty as decimal(18, 4)) as lost_qty,
    cast(greatest(arrived_qty - shipped_qty, 0) as decimal(18, 4)) as overdelivered_qty,
    cast(billed_qty as decimal(18, 4)) as billed_qty,
    cast(greatest(billable_qty - billed_qty, 0) as decimal(18, 4)) as unbilled_qty,
    cast(greatest(billed_qty - billable_qty, 0) as decimal(18, 4)) as overbilled_qty,
    cast(residual_ordered_qty as decimal(18, 4)) as residual_ordered_qty,
    cast(released_qty - taken_in_qty as decimal(18, 4)) as residual_released_qty,
    cast(shipped_qty - confirmed_qty as decimal(18, 4)) as residual_shipped_qty,
    cast(short_delivered_qty as decimal(18, 4)) as residual_delivered_qty,
    cast(billable_qty - (billed_qty - waiting_draft_qty) as decimal(18, 4)) as residual_billed_qty,
    last_taken_in_at,
    last_confirmed_at,
    last_posted_at,
    has_undated_document,
    unit_price,
    currency
from steps
