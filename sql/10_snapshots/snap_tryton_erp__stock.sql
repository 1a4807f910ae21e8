-- snapshot: tryton_erp/stock
-- grain: one row per item in warehouse EAST; what is on hand and not forecast is promised to orders
with

items as (
    select landed_row_no, code, quantity, forecast_quantity, try_cast("default_uom." as json) as unit
    from landed
)

select
    landed_row_no,
    'EAST' as node,
    code as sku,
    case json_extract_string(unit, '$.symbol') when 'u' then 'EA' else json_extract_string(unit, '$.symbol') end as uom,
    quantity as on_hand_qty,
    try_cast(quantity as decimal(18, 4)) - try_cast(forecast_quantity as decimal(18, 4)) as reserved_qty,
    forecast_quantity as available_qty
from items
