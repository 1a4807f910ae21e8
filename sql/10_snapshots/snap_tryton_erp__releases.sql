-- snapshot: tryton_erp/releases
-- grain: one row per line of a customer shipment; Tryton keeps no time of the release but the day of the sale
select
    landed_row_no,
    json_extract_string("shipment.", '$.number') as release_id,
    json_extract_string("origin.", '$."sale.".number') as order_id,
    json_extract_string("origin.", '$.sequence') as line_no,
    json_extract_string("shipment.", '$."warehouse.".code') as node,
    json_extract_string("product.", '$.code') as sku,
    case json_extract_string("unit.", '$.symbol') when 'u' then 'EA' else json_extract_string("unit.", '$.symbol') end
        as uom,
    quantity as released_qty,
    make_timestamptz(
        cast(json_extract_string("origin.", '$."sale.".sale_date.year') as bigint),
        cast(json_extract_string("origin.", '$."sale.".sale_date.month') as bigint),
        cast(json_extract_string("origin.", '$."sale.".sale_date.day') as bigint),
        0, 0, 0, 'UTC'
    ) as released_at
from landed
