-- snapshot: tryton_finance/invoice_lines
-- grain: one row per line of a customer invoice; a negative quantity credits
-- A draft has no number yet, so documents go by Tryton's own; so do their lines, which it does not number either.
with

lines as (
    select
        landed_row_no,
        id,
        try_cast(quantity as decimal(18, 4)) as quantity,
        try_cast(unit_price as json) as unit_price,
        try_cast(amount as json) as amount,
        try_cast("invoice." as json) as invoice,
        try_cast("origin." as json) as origin,
        try_cast("product." as json) as product,
        try_cast("unit." as json) as unit,
        try_cast("stock_moves." as json) as stock_moves
    from landed
)

select
    landed_row_no,
    json_extract_string(invoice, '$.id') as invoice_id,
    id as invoice_line_no,
    case when quantity < 0 then 'CREDIT_MEMO' else 'INVOICE' end as document_type,
    json_extract_string(origin, '$."sale.".number') as order_id,
    json_extract_string(origin, '$.sequence') as line_no,
    json_extract_string(invoice, '$."party.".code') as customer_id,
    json_extract_string(product, '$.code') as sku,
    json_extract_string(stock_moves, '$[0]."shipment.".number') as shipment_id,
    case json_extract_string(unit, '$.symbol') when 'u' then 'EA' else json_extract_string(unit, '$.symbol') end as uom,
    abs(quantity) as invoiced_qty,
    json_extract_string(unit_price, '$.decimal') as unit_price,
    abs(try_cast(json_extract_string(amount, '$.decimal') as decimal(18, 2))) as line_amount,
    json_extract_string(invoice, '$."currency.".code') as currency,
    case json_extract_string(invoice, '$.state')
        when 'draft' then 'DRAFT'
        when 'validated' then 'DRAFT'
        when 'posted' then 'POSTED'
        when 'paid' then 'POSTED'
        when 'cancelled' then 'VOID'
        else json_extract_string(invoice, '$.state')
    end as status,
    case
        when json_extract_string(invoice, '$.state') in ('posted', 'paid')
            then json_extract_string(invoice, '$.invoice_date.year')
            || '-' || lpad(json_extract_string(invoice, '$.invoice_date.month'), 2, '0')
            || '-' || lpad(json_extract_string(invoice, '$.invoice_date.day'), 2, '0') || 'T00:00:00Z'
    end as posted_at
from lines
