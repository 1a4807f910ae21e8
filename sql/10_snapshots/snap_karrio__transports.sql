-- snapshot: karrio/transports
-- grain: one row per shipment; a draft is with the carrier it is meant for, or with none
-- Karrio knows neither when the goods left nor, for a carrier without a connection, when they will arrive. A rate that
-- is no JSON object is handed on as it is, so that its row ends in quarantine.
select
    landed_row_no,
    reference as shipment_id,
    coalesce(carrier_id, json_extract_string(try_cast(carrier_ids as json), '$[0]'), 'UNASSIGNED') as carrier_id,
    tracking_number as tracking_no,
    case json_type(try_cast(selected_rate as json))
        when 'OBJECT' then json_extract_string(selected_rate, '$.total_charge')
        else selected_rate
    end as freight_amount,
    json_extract_string(try_cast(selected_rate as json), '$.currency') as currency
from landed
