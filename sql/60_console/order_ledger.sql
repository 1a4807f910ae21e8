-- grain: one row per order line of the orders in $order_ids, with its quantities, where it stands, and its verdict
-- Quantities are in base units. `reached_allocation_qty` is what is allocated or has gone on from there.
select
    ledger.order_id,
    ledger.line_no,
    ledger.node,
    ledger.sku,
    ledger.ordered_qty,
    ledger.cancelled_qty,
    ledger.ordered_qty - ledger.cancelled_qty - ledger.open_qty - ledger.backordered_qty as reached_allocation_qty,
    greatest(ledger.released_qty, ledger.taken_in_qty) as released_qty,
    ledger.picked_qty,
    ledger.shipped_qty,
    ledger.delivered_qty,
    ledger.returned_qty,
    ledger.invoiced_qty,
    ledger.credited_qty,
    ledger.open_qty,
    ledger.backordered_qty,
    ledger.allocated_unreleased_qty,
    ledger.released_unpicked_qty,
    ledger.picked_unshipped_qty,
    ledger.short_closed_qty,
    ledger.overshipped_qty,
    ledger.in_transit_qty,
    ledger.lost_qty,
    ledger.unbilled_qty,
    ledger.overbilled_qty,
    ledger.unit_price,
    ledger.currency,
    states.order_state,
    states.is_partial,
    states.is_on_hold,
    states.hold_state,
    states.line_state,
    states.release_state,
    states.shipment_state,
    states.invoice_state,
    coalesce(verdicts.verdict, 'UNKNOWN') as verdict,
    coalesce(verdicts.codes, '') as codes
from rec_quantity_ledger as ledger
left join rec_line_states as states on ledger.order_id = states.order_id and ledger.line_no = states.line_no
left join rec_line_verdicts as verdicts on ledger.order_id = verdicts.order_id and ledger.line_no = verdicts.line_no
where ledger.order_id in (select unnest(cast($order_ids as varchar[])))
order by ledger.order_id, ledger.line_no
