-- snapshot: tryton_erp/order_lines
-- grain: one row per sale line; what was not cancelled with its sale is wanted
with

lines as (
    select
        landed_row_no,
        sequence,
        quantity,
        try_cast(unit_price as json) as unit_price,
        try_cast("sale." as json) as sale,
        try_cast("warehouse." as json) as warehouse,
        try_cast("product." as json) as product,
        try_cast("unit." as json) as unit
    from landed
)

select
    landed_row_no,
    json_extract_string(sale, '$.number') as order_id,
    sequence as line_no,
    json_extract_string(product, '$.code') as sku,
    case json_extract_string(unit, '$.symbol') when 'u' then 'EA' else json_extract_string(unit, '$.symbol') end as uom,
    quantity as ordered_qty,
    case json_extract_string(sale, '$.state') when 'cancelled' then quantity else '0' end as cancelled_qty,
    null as allocated_qty,
    json_extract_string(unit_price, '$.decimal') as unit_price,
    json_extract_string(sale, '$."currency.".code') as currency,
    json_extract_string(warehouse, '$.code') as node,
    null as release_due_at,
    null as promised_at
from lines
