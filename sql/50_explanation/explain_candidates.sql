-- grain: one row per leg that a document line of $customer_id or $sku might have meant
-- `billed_qty` is what documents bill of the leg, other than the line $invoice_id/$invoice_line_no itself.
with

orders as (
    select order_id, customer_id
    from canon_orders
    where role = 'erp'
),

legs as (
    select
        legs.shipment_id,
        legs.order_id,
        legs.line_no,
        min(legs.sku) as sku,
        coalesce(
            max(case when legs.role = 'wms' then legs.shipped_qty end),
            max(case when legs.role = 'erp' then legs.shipped_qty end)
        ) as shipped_qty,
        min(legs.shipped_at) as shipped_at
    from canon_shipment_lines as legs
    where
        legs.role in ('wms', 'erp')
        and (legs.sku = $sku or legs.order_id in (select order_id from orders where customer_id = $customer_id))
    group by legs.shipment_id, legs.order_id, legs.line_no
),

bills as (
    select shipment_id, order_id, line_no, sum(invoiced_qty) as billed_qty
    from rec_billed_lines
    where
        document_type = 'INVOICE'
        and status <> 'VOID'
        and not (invoice_id = $invoice_id and invoice_line_no = $invoice_line_no)
        and order_id in (select order_id from legs)
    group by shipment_id, order_id, line_no
)

select
    legs.shipment_id,
    legs.order_id,
    legs.line_no,
    orders.customer_id,
    legs.sku,
    cast(legs.shipped_qty as decimal(18, 4)) as shipped_qty,
    cast(coalesce(leg_bills.billed_qty, line_bills.billed_qty, 0) as decimal(18, 4)) as billed_qty,
    legs.shipped_at,
    epoch($billed_at) - epoch(legs.shipped_at) as age_seconds,
    translate(upper(legs.order_id), 'OIL-_/. ', '011') as order_reference,
    translate(upper($spelled_order_id), 'OIL-_/. ', '011') as spelled_reference
from legs
left join orders on legs.order_id = orders.order_id
left join bills as leg_bills
    on legs.shipment_id = leg_bills.shipment_id
    and legs.order_id = leg_bills.order_id
    and legs.line_no = leg_bills.line_no
left join bills as line_bills
    on line_bills.shipment_id is null and legs.order_id = line_bills.order_id and legs.line_no = line_bills.line_no
where orders.customer_id = $customer_id or legs.sku = $sku
order by abs(epoch($billed_at) - epoch(legs.shipped_at)), legs.shipment_id, legs.order_id, legs.line_no
limit 1000
