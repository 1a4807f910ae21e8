-- snapshot: wms_west/holds
-- grain: one row per hold as the warehouse sees it
select
    landed_row_no,
    hold as hold_id,
    "order" as order_id,
    "type" as hold_type,
    case lower(active) when 'true' then 'CREATED' when 'false' then 'RESOLVED' else active end as status,
    placed_by,
    placed_at,
    ended_at as resolved_at
from landed
