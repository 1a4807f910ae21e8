-- snapshot: tryton_wms/stock
-- grain: one row per item in the warehouse
select
    landed_row_no,
    site as node,
    item as sku,
    case unit when 'u' then 'EA' else unit end as uom,
    on_hand as on_hand_qty,
    reserved as reserved_qty,
    free as available_qty
from landed
