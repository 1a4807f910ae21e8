-- grain: one row per shipment leg of an order line that an unreferenced invoice line may bill
-- Departed (WMS) or, where the site has not told of it yet, confirmed (ERP); without what exact documents bill already.
-- An exact document that names no leg bills all legs of its order line.
with

sought_groups as (
    select distinct customer_id, sku
    from match_lines
    where customer_id is not null and sku is not null
),

sought_items as (
    select distinct sku
    from sought_groups
),

sought_customers as (
    select distinct customer_id
    from sought_groups
),

sought_orders as (
    select order_id, customer_id
    from canon_orders
    where role = 'erp' and customer_id in (select customer_id from sought_customers)
),

legs as (
    select
        shipment_id,
        order_id,
        line_no,
        min(sku) as sku,
        coalesce(
            max(case when role = 'wms' then shipped_qty end), max(case when role = 'erp' then shipped_qty end)
        ) as shipped_qty,
        min(shipped_at) as shipped_at,
        max(case when role = 'wms' then 1 else 0 end) = 1 as is_departed
    from canon_shipment_lines
    where
        role in ('wms', 'erp')
        and sku in (select sku from sought_items)
        and order_id in (select order_id from sought_orders)
    group by shipment_id, order_id, line_no
),

sought_legs as (
    select
        legs.shipment_id,
        legs.order_id,
        legs.line_no,
        legs.sku,
        legs.shipped_qty,
        legs.shipped_at,
        legs.is_departed,
        sought_orders.customer_id
    from legs
    inner join sought_orders on legs.order_id = sought_orders.order_id
    inner join sought_groups on sought_orders.customer_id = sought_groups.customer_id and legs.sku = sought_groups.sku
),

exact_bills as (
    select
        bills.order_id,
        bills.line_no,
        bills.shipment_id,
        sum(bills.invoiced_qty) as billed_qty
    from canon_invoice_lines as bills
    left join rec_document_matches as matches
        on bills.system = matches.system and bills.source_key = matches.source_key
    left join match_unresolved as unresolved
        on bills.system = unresolved.system and bills.source_key = unresolved.source_key
    where
        bills.order_id in (select order_id from sought_legs)
        and bills.role = 'finance'
        and bills.document_type = 'INVOICE'
        and bills.status <> 'VOID'
        and matches.source_key is null
        and unresolved.source_key is null
    group by bills.order_id, bills.line_no, bills.shipment_id
),

prices as (
    select order_id, line_no, unit_price
    from canon_order_lines
    where role = 'erp' and order_id in (select order_id from sought_legs)
),

wholly_billed_lines as (
    select distinct order_id, line_no
    from exact_bills
    where shipment_id is null
)

select
    sought_legs.shipment_id || '/' || sought_legs.order_id || '/' || sought_legs.line_no as leg_key,
    sought_legs.shipment_id,
    sought_legs.order_id,
    sought_legs.line_no,
    sought_legs.customer_id,
    sought_legs.sku,
    translate(upper(sought_legs.order_id), 'OIL-_/. ', '011') as order_reference,
    cast(sought_legs.shipped_qty - coalesce(leg_bills.billed_qty, 0) as decimal(18, 4)) as unbilled_qty,
    sought_legs.shipped_at,
    sought_legs.is_departed,
    prices.unit_price
from sought_legs
left join exact_bills as leg_bills
    on sought_legs.shipment_id = leg_bills.shipment_id
    and sought_legs.order_id = leg_bills.order_id
    and sought_legs.line_no = leg_bills.line_no
left join wholly_billed_lines
    on sought_legs.order_id = wholly_billed_lines.order_id and sought_legs.line_no = wholly_billed_lines.line_no
left join prices on sought_legs.order_id = prices.order_id and sought_legs.line_no = prices.line_no
where
    wholly_billed_lines.order_id is null
    and sought_legs.shipped_qty > coalesce(leg_bills.billed_qty, 0)
