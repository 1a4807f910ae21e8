-- grain: one row per shipment leg of an order line whose delivery leaves a residual
-- A finding about a shipment speaks of every line that is on it.
-- scope: order
select distinct legs.order_id as scope_key, legs.order_id, legs.line_no, legs.shipment_id
from canon_shipment_lines as legs
inner join rec_residual_lines as lines
    on legs.order_id = lines.order_id and legs.line_no = lines.line_no and lines.residual_delivered_qty <> 0
where legs.role = 'wms'
