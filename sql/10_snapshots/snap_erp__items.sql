-- snapshot: erp/items
-- grain: one row per item
select
    landed_row_no,
    sku,
    base_uom,
    abc_class,
    temperature_class,
    status
from landed
