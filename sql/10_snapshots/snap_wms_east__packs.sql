-- snapshot: wms_east/packs
-- grain: one row per order line and item in a package
select
    landed_row_no,
    pack_no as pack_id,
    order_no as order_id,
    line_no,
    'EAST' as node,
    item as sku,
    unit as uom,
    qty as packed_qty,
    lot,
    lot_status,
    expires_at,
    packed_at
from landed
