-- grain: one row per order line of rec_quantity_ledger
-- Where a line and its order stand, on axes that do not depend on each other (domain book 2.2): derived from
-- quantities and holds, never from percentages, and never kept by hand. A line's state is that of its units that are
-- least far.
-- scope: order
with

erp_orders as (
    select order_id, status
    from canon_orders
    where role = 'erp'
),

holds as (
    select
        order_id,
        count(*) filter (where status = 'CREATED') as open_holds,
        count(*) filter (where status = 'REJECTED') as rejected_holds
    from canon_holds
    where role in ('erp', 'finance')
    group by order_id
),

lines as (
    select
        order_id,
        line_no,
        node,
        ordered_qty - cancelled_qty as demanded_qty,
        greatest(released_qty, taken_in_qty) as sent_qty,
        taken_in_qty,
        released_qty,
        packed_qty,
        shipped_qty,
        returned_qty,
        invoiced_qty,
        credited_qty,
        posted_qty,
        open_qty,
        backordered_qty,
        allocated_unreleased_qty,
        released_unpicked_qty,
        picked_unshipped_qty,
        short_closed_qty,
        in_transit_qty,
        kept_qty,
        lost_qty,
        billed_qty,
        unbilled_qty,
        open_qty + backordered_qty + allocated_unreleased_qty + released_unpicked_qty + picked_unshipped_qty
            as unshipped_qty
    from rec_quantity_ledger
),

order_totals as (
    select
        order_id,
        sum(demanded_qty) as demanded_qty,
        sum(sent_qty) as sent_qty,
        sum(shipped_qty) as shipped_qty,
        sum(unshipped_qty) as unshipped_qty,
        sum(billed_qty) as billed_qty,
        sum(unbilled_qty) as unbilled_qty
    from lines
    group by order_id
),

order_states as (
    select
        order_totals.order_id,
        case
            when erp_orders.status is null then 'RECEIVED'
            when erp_orders.status = 'CANCELLED' then 'CANCELLED'
            when order_totals.demanded_qty <= 0 and order_totals.shipped_qty = 0 then 'CANCELLED'
            when order_totals.unshipped_qty > 0 and order_totals.sent_qty + order_totals.shipped_qty > 0
                then 'IN_FULFILMENT'
            when order_totals.unshipped_qty > 0 then 'ACCEPTED'
            when order_totals.unbilled_qty > 0 or order_totals.billed_qty = 0 then 'FULFILLED'
            when erp_orders.status = 'CLOSED' then 'CLOSED'
            else 'BILLED'
        end as order_state,
        order_totals.shipped_qty > 0 and order_totals.unshipped_qty > 0 as is_partial,
        coalesce(holds.open_holds, 0) > 0 as is_on_hold,
        case
            when holds.order_id is null then 'NOT_REQUIRED'
            when holds.open_holds > 0 then 'HELD'
            when holds.rejected_holds > 0 then 'REJECTED'
            else 'RELEASED'
        end as hold_state
    from order_totals
    left join erp_orders on order_totals.order_id = erp_orders.order_id
    left join holds on order_totals.order_id = holds.order_id
)

select
    lines.order_id as scope_key,
    lines.order_id,
    lines.line_no,
    lines.node,
    order_states.order_state,
    order_states.is_partial,
    order_states.is_on_hold,
    order_states.hold_state,
    case
        when lines.open_qty > 0 then 'OPEN'
        when lines.backordered_qty > 0 then 'BACKORDERED'
        when lines.allocated_unreleased_qty > 0 then 'ALLOCATED'
        when lines.released_unpicked_qty > 0 then 'RELEASED'
        when lines.picked_unshipped_qty > 0 and lines.packed_qty - lines.shipped_qty >= lines.picked_unshipped_qty
            then 'PACKED'
        when lines.picked_unshipped_qty > 0 then 'PICKED'
        when lines.in_transit_qty > 0 or lines.lost_qty > 0 then 'SHIPPED'
        when lines.kept_qty > 0 then 'DELIVERED'
        when lines.returned_qty > 0 then 'RETURNED'
        when lines.short_closed_qty > 0 then 'SHORT_CLOSED'
        when order_states.order_state = 'RECEIVED' then 'OPEN'
        else 'CANCELLED'
    end as line_state,
    case
        when lines.sent_qty = 0 then 'NOT_SENT'
        when lines.taken_in_qty < lines.released_qty then 'SENT'
        else 'ACKED'
    end as release_state,
    case
        when lines.shipped_qty = 0 then 'PLANNED'
        when lines.in_transit_qty > 0 then 'DEPARTED'
        when lines.kept_qty > 0 then 'DELIVERED'
        when lines.returned_qty > 0 then 'RETURNED'
        else 'LOST'
    end as shipment_state,
    case
        when lines.invoiced_qty > 0 and lines.credited_qty >= lines.invoiced_qty then 'CREDITED'
        when lines.invoiced_qty > 0 and lines.credited_qty > 0 then 'PART_CREDITED'
        when lines.posted_qty > 0 then 'POSTED'
        when lines.invoiced_qty > 0 then 'DRAFT'
        when lines.unbilled_qty > 0 then 'ELIGIBLE'
        else 'NOT_DUE'
    end as invoice_state
from lines
inner join order_states on lines.order_id = order_states.order_id
