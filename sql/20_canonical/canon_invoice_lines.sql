-- grain: one row per line of an invoice or credit memo
-- Quantities are in base units: by the item's own factor where the document names the item, else by the general one.
-- key: system, source_key
select
    feed.system,
    feed.role,
    feed.source_key,
    feed.invoice_id,
    feed.invoice_line_no,
    feed.document_type,
    feed.order_id,
    feed.line_no,
    feed.shipment_id,
    feed.customer_id,
    feed.sku,
    cast(feed.invoiced_qty * coalesce(own_unit.base_qty, general_unit.base_qty) as decimal(18, 4)) as invoiced_qty,
    cast(
        floor(
            cast(feed.unit_price as double) / cast(coalesce(own_unit.base_qty, general_unit.base_qty) as double)
            * 10000 + 0.5
        ) / 10000 as decimal(18, 4)
    ) as unit_price,
    feed.line_amount,
    feed.currency,
    feed.status,
    feed.posted_at,
    feed.snapshot_id,
    feed.as_of
from feed_invoice_lines as feed
left join ref_units as own_unit
    on feed.sku = own_unit.sku and feed.uom = own_unit.uom
left join ref_units as general_unit
    on general_unit.sku = '*' and feed.uom = general_unit.uom
