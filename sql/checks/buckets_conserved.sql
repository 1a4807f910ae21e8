-- title: Every unit of an order line is in exactly one bucket, from order to delivery and to invoice
-- scope: order
with

sums as (
    select
        order_id,
        line_no,
        ordered_qty - cancelled_qty as demanded_qty,
        open_qty + backordered_qty + allocated_unreleased_qty + released_unpicked_qty + picked_unshipped_qty
        + short_closed_qty + shipped_qty - overshipped_qty as bucketed_qty,
        shipped_qty,
        in_transit_qty + kept_qty + returned_qty + lost_qty - overdelivered_qty as carried_qty,
        shipped_qty - returned_qty - claimed_qty as left_qty,
        billed_qty + unbilled_qty - overbilled_qty as billable_qty,
        least(
            open_qty, backordered_qty, allocated_unreleased_qty, released_unpicked_qty, picked_unshipped_qty,
            short_closed_qty, overshipped_qty, in_transit_qty, kept_qty, lost_qty, overdelivered_qty, unbilled_qty,
            overbilled_qty
        ) as smallest_qty
    from rec_quantity_ledger
)

select order_id, line_no, demanded_qty, bucketed_qty, shipped_qty, carried_qty, left_qty, billable_qty, smallest_qty
from sums
where
    demanded_qty <> bucketed_qty
    or shipped_qty <> carried_qty
    or left_qty <> billable_qty
    or smallest_qty < 0
