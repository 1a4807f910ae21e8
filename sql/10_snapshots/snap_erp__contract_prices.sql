-- snapshot: erp/contract_prices
-- grain: one row per agreed price and time
select
    landed_row_no,
    customer_no as customer_id,
    sku,
    uom,
    price as unit_price,
    currency,
    valid_from as valid_from_at,
    valid_until as valid_until_at
from landed
