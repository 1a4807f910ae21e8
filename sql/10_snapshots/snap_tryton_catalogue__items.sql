-- snapshot: tryton_catalogue/items
-- grain: one row per item
with

items as (
    select landed_row_no, code, active, try_cast(default_uom as json) as unit
    from landed
)

select
    landed_row_no,
    code as sku,
    case json_extract_string(unit, '$.symbol') when 'u' then 'EA' else json_extract_string(unit, '$.symbol') end
        as base_uom,
    null as abc_class,
    null as temperature_class,
    -- Tryton on SQLite says 1 where it says true on PostgreSQL.
    case
        when active in ('true', '1') then 'ACTIVE'
        when active in ('false', '0') then 'DISCONTINUED'
        else active
    end as status
from items
