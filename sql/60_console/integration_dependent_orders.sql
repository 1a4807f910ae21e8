-- grain: one row per order that depends on the system $system while it is doubted, the most at risk first
-- $nodes are the sites its doubted feeds speak for, an empty one for every site; see integration_effects.
with

doubted_nodes as (
    select distinct unnest(cast($nodes as varchar[])) as node
),

open_lines as (
    select
        ledger.order_id,
        ledger.line_no,
        ledger.node,
        verdicts.verdict,
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

quarantined as (
    select distinct order_id
    from ops_open_quarantine
    where system = $system and order_id is not null
),

dependent_lines as (
    select open_lines.order_id, open_lines.node, open_lines.currency, open_lines.amount
    from open_lines
    left join quarantined on open_lines.order_id = quarantined.order_id
    where
        quarantined.order_id is not null
        or exists (
            select 1
            from doubted_nodes
            where doubted_nodes.node = '' or doubted_nodes.node = open_lines.node
        )
)

select
    order_id,
    string_agg(distinct node, ', ' order by node) as nodes,
    currency,
    count(*) as line_count,
    cast(sum(amount) as decimal(18, 2)) as at_risk_amount
from dependent_lines
group by order_id, currency
order by at_risk_amount desc, order_id
limit $most
