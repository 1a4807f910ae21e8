-- snapshot: tryton_erp/holds
-- grain: one row per quotation, which nobody may work on before a person has confirmed it
select
    landed_row_no,
    'quotation/' || number as hold_id,
    number as order_id,
    'OTHER' as hold_type,
    'CREATED' as status,
    'sales' as placed_by,
    make_timestamptz(
        cast(json_extract_string(sale_date, '$.year') as bigint),
        cast(json_extract_string(sale_date, '$.month') as bigint),
        cast(json_extract_string(sale_date, '$.day') as bigint),
        0, 0, 0, 'UTC'
    ) as placed_at,
    null as resolved_at
from landed
