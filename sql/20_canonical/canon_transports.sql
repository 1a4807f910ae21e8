-- grain: one row per shipment leg in the hands of a carrier, as the TMS sees it
-- key: system, source_key
select
    system,
    role,
    source_key,
    shipment_id,
    carrier_id,
    tracking_no,
    service_level,
    lane,
    departed_at,
    eta_at,
    piece_qty,
    freight_amount,
    currency,
    snapshot_id,
    as_of
from feed_transports
