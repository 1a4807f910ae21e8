-- grain: one row per number by which something can be explained
select distinct order_id as id from canon_orders
union
select distinct shipment_id as id from canon_shipment_lines
union
select distinct invoice_id as id from canon_invoice_lines
