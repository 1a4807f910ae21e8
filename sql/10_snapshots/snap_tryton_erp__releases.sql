-- snapshot: tryton_erp/releases
-- grain: one row per line of a customer shipment; Tryton keeps no time of the release but the day of the sale
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
)

select
    landed_row_no,
    json_extract_string(shipment, '$.number') as release_id,
    json_extract_string(origin, '$."sale.".number') as order_id,
    json_extract_string(origin, '$.sequence') as line_no,
    json_extract_string(shipment, '$."warehouse.".code') as node,
    json_extract_string(product, '$.code') as sku,
    case json_extract_string(unit, '$.symbol') when 'u' then 'EA' else json_extract_string(unit, '$.symbol') end as uom,
    quantity as released_qty,
    json_extract_string(origin, '$."sale.".sale_date.year')
    || '-' || lpad(json_extract_string(origin, '$."sale.".sale_date.month'), 2, '0')
    || '-' || lpad(json_extract_string(origin, '$."sale.".sale_date.day'), 2, '0') || 'T00:00:00Z' as released_at
from moves
