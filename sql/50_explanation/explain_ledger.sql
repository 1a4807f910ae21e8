-- grain: one row per order line and edge of the quantity ledger, for the orders in $order_ids
with

lines as (
    select
        ledger.order_id,
        ledger.line_no,
        ledger.node,
        ledger.sku,
        ledger.residual_ordered_qty,
        ledger.residual_released_qty,
        ledger.residual_shipped_qty,
        ledger.residual_delivered_qty,
        ledger.residual_billed_qty,
        coalesce(verdicts.verdict, 'UNKNOWN') as verdict
    from rec_quantity_ledger as ledger
    left join rec_line_verdicts as verdicts
        on ledger.order_id = verdicts.order_id and ledger.line_no = verdicts.line_no
    where ledger.order_id in (select unnest(cast($order_ids as varchar[])))
),

edges as (
    select order_id, line_no, node, sku, verdict, 1 as step, 'ordered' as edge, residual_ordered_qty as residual_qty
    from lines
    union all
    select order_id, line_no, node, sku, verdict, 2 as step, 'released' as edge, residual_released_qty as residual_qty
    from lines
    union all
    select order_id, line_no, node, sku, verdict, 3 as step, 'shipped' as edge, residual_shipped_qty as residual_qty
    from lines
    union all
    select order_id, line_no, node, sku, verdict, 4 as step, 'delivered' as edge, residual_delivered_qty as residual_qty
    from lines
    union all
    select order_id, line_no, node, sku, verdict, 5 as step, 'billed' as edge, residual_billed_qty as residual_qty
    from lines
)

select order_id, line_no, node, sku, verdict as line_verdict, edge, residual_qty
from edges
order by order_id, line_no, step
