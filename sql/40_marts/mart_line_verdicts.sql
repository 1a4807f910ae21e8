-- grain: one row per node and verdict
-- adds: line_count bigint; ordered_amount decimal(18, 2)
-- How much of the order book the systems agree on, in lines and in money ordered.
select
    verdicts.node,
    verdicts.verdict,
    count(*) as line_count,
    cast(
        sum(
            cast((ledger.ordered_qty - ledger.cancelled_qty) * coalesce(ledger.unit_price, 0) as decimal(18, 2))
        ) as decimal(18, 2)
    ) as ordered_amount
from rec_line_verdicts as verdicts
inner join rec_quantity_ledger as ledger
    on verdicts.order_id = ledger.order_id and verdicts.line_no = ledger.line_no
group by verdicts.node, verdicts.verdict
