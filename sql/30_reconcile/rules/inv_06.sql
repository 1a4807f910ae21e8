-- rule: INV-06
-- name: SHORT_AT_NODE
-- title: Demand is due that neither free stock nor confirmed supply of its site covers
-- grain: item at a node
-- scope: stock
-- severity: S2
-- owner: Allocation
-- feeds: erp.order_lines, erp.stock_levels, erp.shipment_lines, wms.shipment_lines
-- also: erp.inbound_supply
-- tolerance: inv_06_grace_minutes
-- class: J
-- planned: yes
-- source: domain book 2.7; Oracle supply promise, Sterling sourcing
-- Only what no line has allocated yet is demand here: allocated stock is taken out of ATP already. Lines are served in
-- the order in which they fall due; the condition is true when the first that cannot be served is due. It is S1 where
-- one of them is promised for the day, in UTC, on which it falls due.
with

unallocated_lines as (
    select
        order_id,
        line_no,
        node,
        sku,
        unallocated_qty,
        greatest(release_due_at, as_of) as due_at,
        coalesce(promised_at, release_due_at) as promised_at,
        coalesce(date_trunc('day', promised_at) <= date_trunc('day', greatest(release_due_at, as_of)), false)
            as is_promised_that_day,
        unit_price,
        currency,
        snapshot_id
    from rec_allocation_gaps
    where release_due_at is not null and unallocated_qty > 0
),

demand as (
    select
        order_id,
        line_no,
        node,
        sku,
        unallocated_qty,
        due_at,
        promised_at,
        is_promised_that_day,
        unit_price,
        currency,
        snapshot_id,
        sum(unallocated_qty) over (
            partition by node, sku
            order by due_at, order_id, line_no
            rows between unbounded preceding and current row
        ) as demanded_qty
    from unallocated_lines
),

supply as (
    select node, sku, expected_qty, expected_at
    from canon_inbound_supply
    where role = 'erp' and status = 'CONFIRMED'
),

covered as (
    select
        demand.order_id,
        demand.line_no,
        sum(supply.expected_qty) as inbound_qty
    from demand
    inner join supply
        on demand.node = supply.node and demand.sku = supply.sku and supply.expected_at <= demand.promised_at
    group by demand.order_id, demand.line_no
),

uncovered as (
    select
        demand.node,
        demand.sku,
        demand.due_at,
        demand.is_promised_that_day,
        demand.demanded_qty,
        greatest(coalesce(stock.available_qty, 0), 0) + coalesce(covered.inbound_qty, 0) as supplied_qty,
        demand.unit_price,
        demand.currency,
        demand.order_id,
        demand.line_no,
        demand.snapshot_id,
        stock.snapshot_id as stock_snapshot_id
    from demand
    left join covered on demand.order_id = covered.order_id and demand.line_no = covered.line_no
    left join canon_stock_levels as stock
        on stock.role = 'erp' and demand.node = stock.node and demand.sku = stock.sku
),

short_items as (
    select
        node,
        sku,
        min(due_at) as condition_since,
        max(demanded_qty - supplied_qty) as short_qty,
        min_by(demanded_qty, {'spare_qty': supplied_qty - demanded_qty, 'demanded_qty': demanded_qty})
            as demanded_qty,
        min_by(supplied_qty, {'spare_qty': supplied_qty - demanded_qty, 'demanded_qty': demanded_qty})
            as supplied_qty,
        max(unit_price) as unit_price,
        max(currency) as currency,
        bool_or(is_promised_that_day) as is_promised_that_day,
        count(*) as short_lines,
        min(order_id || '/' || line_no) as first_line,
        max(snapshot_id) as snapshot_id,
        max(stock_snapshot_id) as stock_snapshot_id
    from uncovered
    where demanded_qty > supplied_qty
    group by node, sku
)

select
    sku as business_key,
    node,
    sku as scope_key,
    cast(null as varchar) as order_id,
    cast(null as bigint) as line_no,
    cast(cast(demanded_qty as decimal(18, 4)) as varchar) as expected_value,
    cast(cast(supplied_qty as decimal(18, 4)) as varchar) as actual_value,
    cast(short_qty as decimal(18, 4)) as delta_qty,
    cast(short_qty * unit_price as decimal(18, 2)) as value_at_risk_amount,
    currency,
    condition_since,
    to_timestamp(epoch(condition_since) + $inv_06_grace_minutes * 60) as breaks_at,
    '' as message,
    '' as target_role,
    to_json({'node': node, 'sku': sku, 'short_qty': cast(cast(short_qty as decimal(18, 4)) as varchar)}) as payload,
    to_json({'available_qty': cast(cast(supplied_qty as decimal(18, 4)) as varchar)}) as precondition,
    'another site, a split, a substitute or a later date: a person decides' as judgement_reason,
    to_json({
        'demand': snapshot_id, 'stock': stock_snapshot_id, 'short_lines': short_lines, 'first_line': first_line
    }) as evidence,
    case when is_promised_that_day then 'S1' else 'S2' end as severity
from short_items
