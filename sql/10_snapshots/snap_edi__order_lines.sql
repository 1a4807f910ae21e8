-- snapshot: edi/order_lines
-- grain: one row per line of a purchase order (850) or change of one (860); all of a line say how the line stands now
-- The newest 860 of a line says what is still wanted of it: less than was ordered is a cancellation. Every row of a
-- line maps to the same row, so that a file that is sent again changes nothing.
with

placed as (
    select
        sender_id,
        po_number,
        line_no,
        max_by(qty, sent_date || sent_time) as qty,
        try_cast(max_by(qty, sent_date || sent_time) as decimal(18, 4)) as placed_qty,
        max_by(uom, sent_date || sent_time) as uom,
        max_by(price, sent_date || sent_time) as price,
        max_by(currency, sent_date || sent_time) as currency,
        max_by(vendor_item, sent_date || sent_time) as vendor_item,
        max_by(buyer_item, sent_date || sent_time) as buyer_item
    from landed
    where document_type = '850'
    group by sender_id, po_number, line_no
),

changed as (
    select
        sender_id,
        po_number,
        line_no,
        try_cast(max_by(qty, sent_date || sent_time) as decimal(18, 4)) as wanted_qty
    from landed
    where document_type = '860'
    group by sender_id, po_number, line_no
),

lines as (
    select
        placed.sender_id,
        placed.po_number,
        placed.line_no,
        placed.uom,
        placed.price,
        placed.currency,
        placed.vendor_item,
        placed.buyer_item,
        case
            when changed.wanted_qty > placed.placed_qty then cast(changed.wanted_qty as varchar)
            else placed.qty
        end as ordered_qty,
        greatest(placed.placed_qty - coalesce(changed.wanted_qty, placed.placed_qty), 0) as cancelled_qty
    from placed
    left join changed
        on placed.sender_id = changed.sender_id
        and placed.po_number = changed.po_number
        and placed.line_no = changed.line_no
)

select
    landed.landed_row_no,
    landed.sender_id || '-' || landed.po_number as order_id,
    landed.line_no,
    lines.vendor_item as sku,
    lines.buyer_item as foreign_sku,
    lines.uom,
    lines.ordered_qty,
    lines.cancelled_qty,
    lines.price as unit_price,
    lines.currency
from landed
left join lines
    on landed.sender_id = lines.sender_id
    and landed.po_number = lines.po_number
    and landed.line_no = lines.line_no
