-- snapshot: tryton_finance/invoice_lines
-- grain: one row per line of a customer invoice; a negative quantity credits
-- A draft has no number yet, so documents go by Tryton's own; so do their lines, which it does not number either.
select
    landed_row_no,
    json_extract_string("invoice.", '$.id') as invoice_id,
    id as invoice_line_no,
    case when cast(quantity as decimal(18, 4)) < 0 then 'CREDIT_MEMO' else 'INVOICE' end as document_type,
    json_extract_string("origin.", '$."sale.".number') as order_id,
    json_extract_string("origin.", '$.sequence') as line_no,
    json_extract_string("invoice.", '$."party.".code') as customer_id,
    json_extract_string("product.", '$.code') as sku,
    json_extract_string("stock_moves.", '$[0]."shipment.".number') as shipment_id,
    case json_extract_string("unit.", '$.symbol') when 'u' then 'EA' else json_extract_string("unit.", '$.symbol') end
        as uom,
    abs(cast(quantity as decimal(18, 4))) as invoiced_qty,
    json_extract_string(unit_price, '$.decimal') as unit_price,
    abs(cast(json_extract_string(amount, '$.decimal') as decimal(18, 2))) as line_amount,
    json_extract_string("invoice.", '$."currency.".code') as currency,
    case json_extract_string("invoice.", '$.state')
        when 'draft' then 'DRAFT'
        when 'validated' then 'DRAFT'
        when 'posted' then 'POSTED'
        when 'paid' then 'POSTED'
        when 'cancelled' then 'VOID'
        else json_extract_string("invoice.", '$.state')
    end as status,
    case
        when json_extract_string("invoice.", '$.state') in ('posted', 'paid')
            then make_timestamptz(
                cast(json_extract_string("invoice.", '$.invoice_date.year') as bigint),
                cast(json_extract_string("invoice.", '$.invoice_date.month') as bigint),
                cast(json_extract_string("invoice.", '$.invoice_date.day') as bigint),
                0, 0, 0, 'UTC'
            )
    end as posted_at
from landed
