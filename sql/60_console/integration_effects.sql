-- grain: one row per system that is doubted and currency of the orders that depend on it
-- Doubted are the feeds named by $systems and $nodes, pair by pair (an empty node speaks for every site), and rows in
-- quarantine. A line depends on them while something is still to be done on it and no difference is known of it anyway:
-- then nobody can say that it is well. At risk is what of it is not yet delivered and billed, at the agreed price.
-- $overdue_orders holds one entry per open case that is past its deadline.
with

doubted_feeds as (
    select unnest(cast($systems as varchar[])) as system, unnest(cast($nodes as varchar[])) as node
),

overdue as (
    select listed.order_id, count(*) as case_count
    from (select unnest(cast($overdue_orders as varchar[])) as order_id) as listed
    group by listed.order_id
),

open_lines as (
    select
        ledger.order_id,
        ledger.line_no,
        ledger.node,
        coalesce(ledger.currency, 'XXX') as currency,
        (
            ledger.open_qty + ledger.backordered_qty + ledger.allocated_unreleased_qty + ledger.released_unpicked_qty
            + ledger.picked_unshipped_qty + greatest(ledger.in_transit_qty, ledger.unbilled_qty)
        ) * coalesce(ledger.unit_price, 0) as amount
    from rec_quantity_ledger as ledger
    inner join rec_line_verdicts as verdicts
        on ledger.order_id = verdicts.order_id and ledger.line_no = verdicts.line_no
    where
        verdicts.verdict <> 'DIFFER'
        and ledger.open_qty + ledger.backordered_qty + ledger.allocated_unreleased_qty + ledger.released_unpicked_qty
        + ledger.picked_unshipped_qty + ledger.in_transit_qty + ledger.unbilled_qty > 0
),

depends as (
    select doubted_feeds.system, open_lines.order_id, open_lines.line_no
    from open_lines
    inner join doubted_feeds on doubted_feeds.node = '' or doubted_feeds.node = open_lines.node
    union
    select quarantine.system, open_lines.order_id, open_lines.line_no
    from open_lines
    inner join ops_open_quarantine as quarantine on open_lines.order_id = quarantine.order_id
),

orders as (
    select
        depends.system,
        depends.order_id,
        open_lines.currency,
        count(*) as line_count,
        sum(open_lines.amount) as amount
    from depends
    inner join open_lines on depends.order_id = open_lines.order_id and depends.line_no = open_lines.line_no
    group by depends.system, depends.order_id, open_lines.currency
)

select
    orders.system,
    orders.currency,
    count(*) as order_count,
    cast(sum(orders.line_count) as bigint) as line_count,
    cast(sum(orders.amount) as decimal(18, 2)) as at_risk_amount,
    cast(coalesce(sum(overdue.case_count), 0) as bigint) as overdue_case_count
from orders
left join overdue on orders.order_id = overdue.order_id
group by orders.system, orders.currency
order by at_risk_amount desc, orders.system, orders.currency
