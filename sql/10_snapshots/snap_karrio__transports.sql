-- snapshot: karrio/transports
-- grain: one row per shipment; a draft is with the carrier it is meant for, or with none
-- Karrio knows neither when the goods left nor, for a carrier without a connection, when they will arrive.
select
    landed_row_no,
    reference as shipment_id,
    coalesce(carrier_id, json_extract_string(try_cast(carrier_ids as json), '$[0]'), 'UNASSIGNED') as carrier_id,
    tracking_number as tracking_no,
    json_extract_string(try_cast(selected_rate as json), '$.total_charge') as freight_amount,
    json_extract_string(try_cast(selected_rate as json), '$.currency') as currency
from landed
