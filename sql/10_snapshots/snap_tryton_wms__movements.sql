-- snapshot: tryton_wms/movements
-- grain: one row per move of stock into the warehouse or out of it
select
    landed_row_no,
    'MOVE-' || movement_no as movement_id,
    site as node,
    item as sku,
    case unit when 'u' then 'EA' else unit end as uom,
    quantity as movement_qty,
    case reason
        when 'adjustment' then 'ADJUSTMENT'
        when 'receipt' then 'RECEIPT'
        when 'shipment' then 'SHIPMENT'
        when 'return' then 'RETURN'
        else reason
    end as movement_type,
    moved_on || 'T00:00:00Z' as moved_at
from landed
