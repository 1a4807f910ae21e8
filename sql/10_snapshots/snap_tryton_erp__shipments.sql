-- snapshot: tryton_erp/shipments
-- grain: one row per line of a customer shipment that Tryton has booked as done, on its effective day
select
    landed_row_no,
    json_extract_string("shipment.", '$.number') as shipment_id,
    json_extract_string("origin.", '$."sale.".number') as order_id,
    json_extract_string("origin.", '$.sequence') as line_no,
    json_extract_string("shipment.", '$."warehouse.".code') as node,
    json_extract_string("product.", '$.code') as sku,
    case json_extract_string("unit.", '$.symbol') when 'u' then 'EA' else json_extract_string("unit.", '$.symbol') end
        as uom,
    quantity as shipped_qty,
    make_timestamptz(
        cast(json_extract_string("shipment.", '$.effective_date.year') as bigint),
        cast(json_extract_string("shipment.", '$.effective_date.month') as bigint),
        cast(json_extract_string("shipment.", '$.effective_date.day') as bigint),
        0, 0, 0, 'UTC'
    ) as shipped_at,
    make_timestamptz(
        cast(json_extract_string("shipment.", '$.effective_date.year') as bigint),
        cast(json_extract_string("shipment.", '$.effective_date.month') as bigint),
        cast(json_extract_string("shipment.", '$.effective_date.day') as bigint),
        0, 0, 0, 'UTC'
    ) as confirmed_at
from landed
