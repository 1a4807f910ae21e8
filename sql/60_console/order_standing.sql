-- grain: one row per order line of the order $order_id
-- `promised_at` and `release_due_at` are the ERP's. What the last run said of the line is `verdict`; whether its inputs
-- are still fresh, feed_standings says.
with

promises as (
    select order_id, line_no, min(promised_at) as promised_at, min(release_due_at) as release_due_at
    from canon_order_lines
    where role = 'erp' and order_id = $order_id
    group by order_id, line_no
),

quarantined as (
    select distinct order_id
    from ops_open_quarantine
    where order_id = $order_id
)

select
    ledger.order_id,
    ledger.line_no,
    ledger.node,
    ledger.sku,
    ledger.channel_order_id,
    coalesce(verdicts.verdict, 'UNKNOWN') as verdict,
    coalesce(verdicts.codes, '') as codes,
    quarantined.order_id is not null as is_quarantined,
    states.order_state,
    states.is_partial,
    states.is_on_hold,
    states.hold_state,
    states.line_state,
    states.release_state,
    states.shipment_state,
    states.invoice_state,
    ledger.channel_ordered_qty,
    ledger.ordered_qty,
    ledger.cancelled_qty,
    ledger.open_qty,
    ledger.backordered_qty,
    ledger.allocated_unreleased_qty,
    ledger.released_unpicked_qty,
    ledger.picked_unshipped_qty,
    ledger.shipped_qty,
    ledger.short_closed_qty,
    ledger.in_transit_qty,
    ledger.kept_qty,
    ledger.returned_qty,
    ledger.lost_qty,
    ledger.billed_qty,
    ledger.unbilled_qty,
    promises.promised_at,
    promises.release_due_at
from rec_quantity_ledger as ledger
left join rec_line_verdicts as verdicts
    on ledger.order_id = verdicts.order_id and ledger.line_no = verdicts.line_no
left join rec_line_states as states on ledger.order_id = states.order_id and ledger.line_no = states.line_no
left join promises on ledger.order_id = promises.order_id and ledger.line_no = promises.line_no
left join quarantined on ledger.order_id = quarantined.order_id
where ledger.order_id = $order_id
order by ledger.line_no
