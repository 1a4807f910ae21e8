-- snapshot: vendure/order_items
-- grain: one row per line of an order placed in the portal
-- Lines have no number in Vendure: they are counted in the order in which they were added. Prices are in cents; what
-- was taken off a line after the order was placed is cancelled.
-- An order whose lines cannot be read, or that has none, keeps its row and ends in quarantine.
with

orders as (
    select
        landed_row_no,
        code,
        currency,
        from_json(
            try_cast(lines as json),
            '[{
                "id": "BIGINT",
                "ordered_qty": "BIGINT",
                "open_qty": "BIGINT",
                "price_cents": "BIGINT",
                "item": {"sku": "VARCHAR"}
            }]'
        ) as lines
    from landed
),

parts as (
    select
        landed_row_no,
        code,
        currency,
        unnest(case when len(lines) > 0 then lines else [null] end) as line
    from orders
)

select
    landed_row_no,
    code as order_id,
    row_number() over (partition by landed_row_no order by line.id) as line_no,
    line.item.sku as sku,
    'EA' as uom,
    line.ordered_qty,
    line.ordered_qty - line.open_qty as cancelled_qty,
    cast(line.price_cents as decimal(18, 4)) * 0.01 as unit_price,
    currency
from parts
