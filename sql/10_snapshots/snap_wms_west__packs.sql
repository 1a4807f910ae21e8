-- snapshot: wms_west/packs
-- grain: one row per order line and item in a package
select
    landed_row_no,
    pack as pack_id,
    "order" as order_id,
    line as line_no,
    'WEST' as node,
    sku,
    unit as uom,
    qty as packed_qty,
    lot,
    case lot_state
        when 'ok' then 'RELEASED'
        when 'recalled' then 'RECALLED'
        when 'blocked' then 'BLOCKED'
        else lot_state
    end as lot_status,
    expires_at,
    packed_at
from landed
