-- snapshot: tryton_wms/releases
-- grain: one row per order line of a shipment that the warehouse has taken in
-- It keeps no time of a pick: what has left was picked on the day it left at the latest.
select
    landed_row_no,
    shipment_no as release_id,
    order_no as order_id,
    line_no,
    site as node,
    item as sku,
    case unit when 'u' then 'EA' else unit end as uom,
    quantity as released_qty,
    case when shipment_state in ('picked', 'packed', 'done') then quantity else '0' end as picked_qty,
    case when shipment_state in ('picked', 'packed', 'done') then 'CLOSED' else 'OPEN' end as pick_status,
    taken_in_on || 'T00:00:00Z' as released_at,
    taken_in_on || 'T00:00:00Z' as acked_at,
    case when shipment_state = 'done' then left_on || 'T00:00:00Z' end as picked_at,
    case when shipment_state = 'done' then left_on || 'T00:00:00Z' end as packed_at
from landed
