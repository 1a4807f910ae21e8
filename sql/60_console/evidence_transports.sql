-- grain: one row per leg that a carrier knows, of $shipment_ids
select
    system, role, shipment_id, carrier_id, tracking_no, service_level, lane, departed_at, eta_at, piece_qty,
    freight_amount, currency, snapshot_id, as_of
from canon_transports
where shipment_id in (select unnest(cast($shipment_ids as varchar[])))
order by shipment_id, system
