-- What the warehouse's administrator lets others read: views over the tables of Tryton 6.0, in its own words.
-- In release 8.2 the column `uom` of stock_move is called `unit`; there these views would have to say so.

create view report_outbound_lines as
select
    stock_move.id as move_no,
    coalesce(stock_shipment_out.reference, 'EAST-' || stock_shipment_out.number) as shipment_no,
    sale_sale.reference as order_no,
    sale_line.sequence as line_no,
    product_product.code as item,
    product_uom.symbol as unit,
    cast(stock_move.quantity as text) as quantity,
    stock_shipment_out.state as shipment_state,
    warehouse.code as site,
    sale_sale.sale_date as taken_in_on,
    stock_shipment_out.effective_date as left_on
from stock_move
inner join stock_shipment_out on stock_move.shipment = 'stock.shipment.out,' || stock_shipment_out.id
inner join sale_line on stock_move.origin = 'sale.line,' || sale_line.id
inner join sale_sale on sale_line.sale = sale_sale.id
inner join product_product on stock_move.product = product_product.id
inner join product_uom on stock_move.uom = product_uom.id
inner join stock_location as warehouse on stock_shipment_out.warehouse = warehouse.id
where stock_move.state <> 'cancelled';

create view report_departed_lines as
select move_no, shipment_no, order_no, line_no, item, unit, quantity, site, left_on
from report_outbound_lines
where shipment_state = 'done';

create view report_reserved_lines as
select move_no, shipment_no, order_no, line_no, item, unit, quantity, shipment_state, site, taken_in_on
from report_outbound_lines
where shipment_state in ('assigned', 'picked', 'packed');

-- A movement over the border of a site; what moves between its zones changes nothing.
create view report_movements as
with

zones as (
    select zone.id, warehouse.code as site
    from stock_location as warehouse
    inner join stock_location as zone
        on zone."left" > warehouse."left" and zone."right" < warehouse."right"
    where warehouse.type = 'warehouse'
),

crossings as (
    select
        stock_move.id,
        coalesce(into_zone.site, out_of_zone.site) as site,
        stock_move.product,
        stock_move.uom,
        case when into_zone.id is null then -stock_move.quantity else stock_move.quantity end as quantity,
        case
            when other_side.type = 'lost_found' then 'adjustment'
            when other_side.type = 'supplier' then 'receipt'
            when into_zone.id is null then 'shipment'
            else 'return'
        end as reason,
        stock_move.effective_date
    from stock_move
    left join zones as into_zone on stock_move.to_location = into_zone.id
    left join zones as out_of_zone on stock_move.from_location = out_of_zone.id
    inner join stock_location as other_side
        on other_side.id = case when into_zone.id is null then stock_move.to_location else stock_move.from_location end
    where stock_move.state = 'done' and (into_zone.id is null) <> (out_of_zone.id is null)
)

select
    crossings.id as movement_no,
    crossings.site,
    product_product.code as item,
    product_uom.symbol as unit,
    cast(crossings.quantity as text) as quantity,
    crossings.reason,
    crossings.effective_date as moved_on
from crossings
inner join product_product on crossings.product = product_product.id
inner join product_uom on crossings.uom = product_uom.id;

create view report_stock as
with

on_hand as (
    select site, item, unit, sum(cast(quantity as real)) as quantity
    from report_movements
    group by site, item, unit
),

reserved as (
    select site, item, sum(cast(quantity as real)) as quantity
    from report_reserved_lines
    group by site, item
)

select
    on_hand.site,
    on_hand.item,
    on_hand.unit,
    cast(on_hand.quantity as text) as on_hand,
    cast(coalesce(reserved.quantity, 0) as text) as reserved,
    cast(on_hand.quantity - coalesce(reserved.quantity, 0) as text) as free
from on_hand
left join reserved on on_hand.site = reserved.site and on_hand.item = reserved.item;
