-- snapshot: karrio_desk/cases
-- grain: one row per order with a mark that somebody must see to it
-- A clerk who is done sets `case_status` to CLOSED. Karrio keeps no time of a mark: that of the order stands in.
select
    landed_row_no,
    json_extract_string(try_cast(metadata as json), '$.case_id') as case_id,
    order_id,
    json_extract_string(try_cast(metadata as json), '$.case_shipment') as shipment_id,
    json_extract_string(try_cast(metadata as json), '$.case_type') as case_type,
    coalesce(json_extract_string(try_cast(metadata as json), '$.case_status'), 'OPEN') as status,
    'PLATFORM' as opened_by,
    created_at as opened_at
from landed
