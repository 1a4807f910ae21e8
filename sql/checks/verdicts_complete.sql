-- title: Every order line has exactly one verdict
-- scope: order
select ledger.order_id, ledger.line_no, count(verdicts.verdict) as verdict_count
from rec_quantity_ledger as ledger
left join rec_line_verdicts as verdicts
    on ledger.order_id = verdicts.order_id and ledger.line_no = verdicts.line_no
group by ledger.order_id, ledger.line_no
having count(verdicts.verdict) <> 1
