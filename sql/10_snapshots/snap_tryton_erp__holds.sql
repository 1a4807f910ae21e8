-- snapshot: tryton_erp/holds
-- grain: one row per quotation, which nobody may work on before a person has confirmed it
with

quotations as (
    select landed_row_no, number, try_cast(sale_date as json) as sale_date
    from landed
)

select
    landed_row_no,
    'quotation/' || number as hold_id,
    number as order_id,
    'OTHER' as hold_type,
    'CREATED' as status,
    'sales' as placed_by,
    json_extract_string(sale_date, '$.year')
    || '-' || lpad(json_extract_string(sale_date, '$.month'), 2, '0')
    || '-' || lpad(json_extract_string(sale_date, '$.day'), 2, '0') || 'T00:00:00Z' as placed_at,
    null as resolved_at
from quotations
