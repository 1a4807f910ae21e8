-- grain: one row per order line of the ERP that is owed for, soon will be, or may still be stopped
-- What a customer owes beyond its posted documents (CRD-04): shipped and not posted, or released and not shipped. A
-- line that is over, or of an order that is, has no row, so that a customer's exposure is told by few, however long
-- its history is.
-- scope: order
-- always: customer_id
with

erp_orders as (
    select order_id, customer_id, status, ordered_at
    from canon_orders
    where role = 'erp' and customer_id is not null
),

line_exposures as (
    select
        erp_orders.customer_id,
        erp_orders.order_id,
        ledger.line_no,
        erp_orders.status,
        erp_orders.ordered_at,
        ledger.currency,
        ledger.released_qty + ledger.taken_in_qty + ledger.shipped_qty > 0 as is_released,
        greatest(
            ledger.shipped_qty - ledger.returned_qty - ledger.claimed_qty - ledger.posted_qty, 0
        ) * ledger.unit_price as unposted_amount,
        greatest(
            least(
                greatest(ledger.released_qty, ledger.taken_in_qty), ledger.ordered_qty - ledger.cancelled_qty
            ) - ledger.shipped_qty, 0
        ) * ledger.unit_price as released_amount
    from rec_quantity_ledger as ledger
    inner join erp_orders on ledger.order_id = erp_orders.order_id
)

select
    order_id as scope_key,
    customer_id,
    order_id,
    line_no,
    status,
    ordered_at,
    currency,
    is_released,
    cast(unposted_amount as decimal(38, 8)) as unposted_amount,
    cast(released_amount as decimal(38, 8)) as released_amount
from line_exposures
where status = 'OPEN' or unposted_amount <> 0
