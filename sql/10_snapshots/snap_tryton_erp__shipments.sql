-- snapshot: tryton_erp/shipments
-- grain: one row per line of a customer shipment that Tryton has booked as done, on its effective day
with

moves as (
    select
        landed_row_no,
        quantity,
        try_cast("origin." as json) as origin,
        try_cast("shipment." as json) as shipment,
        try_cast("product." as json) as product,
        try_cast("unit." as json) as unit
    from landed
),

dated_moves as (
    select
        landed_row_no,
        quantity,
        origin,
        shipment,
        product,
        unit,
        json_extract_string(shipment, '$.effective_date.year')
        || '-' || lpad(json_extract_string(shipment, '$.effective_date.month'), 2, '0')
        || '-' || lpad(json_extract_string(shipment, '$.effective_date.day'), 2, '0') || 'T00:00:00Z' as left_at
    from moves
)

select
    landed_row_no,
    json_extract_string(shipment, '$.number') as shipment_id,
    json_extract_string(origin, '$."sale.".number') as order_id,
    json_extract_string(origin, '$.sequence') as line_no,
    json_extract_string(shipment, '$."warehouse.".code') as node,
    json_extract_string(product, '$.code') as sku,
    case json_extract_string(unit, '$.symbol') when 'u' then 'EA' else json_extract_string(unit, '$.symbol') end as uom,
    quantity as shipped_qty,
    left_at as shipped_at,
    left_at as confirmed_at
from dated_moves
