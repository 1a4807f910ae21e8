-- snapshot: edi/shipment_lines
-- grain: one row per order line of a ship notice (856); all of a line say what the newest notice announces
-- A notice that is cancelled (BSN01 = 01) announces nothing any more.
with

announced as (
    select
        shipment_no,
        order_no,
        line_no,
        max_by(vendor_item, sent_date || sent_time) as vendor_item,
        max_by(uom, sent_date || sent_time) as uom,
        max_by(case when purpose = '01' then '0' else qty end, sent_date || sent_time) as qty,
        max_by(ship_from, sent_date || sent_time) as ship_from,
        max_by(shipped_date || rpad(coalesce(shipped_time, ''), 6, '0'), sent_date || sent_time) as shipped
    from landed
    group by shipment_no, order_no, line_no
)

select
    landed.landed_row_no,
    landed.shipment_no as shipment_id,
    landed.order_no as order_id,
    landed.line_no,
    announced.ship_from as node,
    announced.vendor_item as sku,
    announced.uom,
    announced.qty as shipped_qty,
    regexp_replace(announced.shipped, '^(....)(..)(..)(..)(..)(..)$', '\1-\2-\3T\4:\5:\6Z') as shipped_at
from landed
left join announced
    on landed.shipment_no = announced.shipment_no
    and landed.order_no = announced.order_no
    and landed.line_no = announced.line_no
