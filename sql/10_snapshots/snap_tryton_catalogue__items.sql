-- snapshot: tryton_catalogue/items
-- grain: one row per item
select
    landed_row_no,
    code as sku,
    case json_extract_string(default_uom, '$.symbol')
        when 'u' then 'EA' else json_extract_string(default_uom, '$.symbol')
    end as base_uom,
    null as abc_class,
    null as temperature_class,
    -- Tryton on SQLite says 1 where it says true on PostgreSQL.
    case when active in ('true', '1') then 'ACTIVE' else 'DISCONTINUED' end as status
from landed
