-- grain: one row per order line of rec_quantity_ledger with a residual at any edge
-- Few lines have one, so that what explains them can be looked for among few, however many lines there are.
-- scope: order
select
    order_id as scope_key,
    order_id,
    line_no,
    node,
    residual_ordered_qty,
    residual_released_qty,
    residual_shipped_qty,
    residual_delivered_qty,
    residual_billed_qty,
    last_taken_in_at,
    last_confirmed_at,
    last_posted_at,
    has_undated_document
from rec_quantity_ledger
where
    residual_ordered_qty <> 0
    or residual_released_qty <> 0
    or residual_shipped_qty <> 0
    or residual_delivered_qty <> 0
    or residual_billed_qty <> 0
