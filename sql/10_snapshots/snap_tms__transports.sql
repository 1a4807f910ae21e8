-- snapshot: tms/transports
-- grain: one row per shipment leg in the hands of a carrier
select
    landed_row_no,
    shipment as shipment_id,
    carrier as carrier_id,
    tracking as tracking_no,
    service as service_level,
    lane,
    departed as departed_at,
    eta as eta_at,
    tendered_pieces as piece_qty,
    freight as freight_amount,
    currency
from landed
