-- snapshot: tryton_erp/stock
-- grain: one row per item in warehouse EAST; what is on hand and not forecast is promised to orders
select
    landed_row_no,
    'EAST' as node,
    code as sku,
    case json_extract_string("default_uom.", '$.symbol')
        when 'u' then 'EA' else json_extract_string("default_uom.", '$.symbol')
    end as uom,
    quantity as on_hand_qty,
    cast(quantity as decimal(18, 4)) - cast(forecast_quantity as decimal(18, 4)) as reserved_qty,
    forecast_quantity as available_qty
from landed
