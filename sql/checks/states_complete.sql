-- title: Every order line stands somewhere on every axis
-- scope: order
with

ledger as (
    select count(*) as line_count
    from rec_quantity_ledger
),

states as (
    select
        count(*) as line_count,
        count(order_state) as order_state_count,
        count(hold_state) as hold_state_count,
        count(line_state) as line_state_count,
        count(release_state) as release_state_count,
        count(shipment_state) as shipment_state_count,
        count(invoice_state) as invoice_state_count
    from rec_line_states
)

select
    ledger.line_count as ledger_count,
    states.line_count as state_count,
    least(
        states.order_state_count, states.hold_state_count, states.line_state_count, states.release_state_count,
        states.shipment_state_count, states.invoice_state_count
    ) as least_count
from ledger
cross join states
where
    ledger.line_count <> states.line_count
    or states.line_count <> least(
        states.order_state_count, states.hold_state_count, states.line_state_count, states.release_state_count,
        states.shipment_state_count, states.invoice_state_count
    )
