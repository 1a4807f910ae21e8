-- grain: one row per edge of the quantity or stock ledger whose residual no finding explains
-- The taxonomy of exceptions is complete exactly when this is empty. An edge is compared when a rule that applies to
-- the declared systems speaks of it; what was billed, only where invoices are read at all. Systems are not read in one
-- instant: what the later system booked when or after the earlier one was read (residual below zero) is no residual,
-- but the time between two readings; a draft has no date and may be as young as the reading of finance. A release that
-- a site took in may be as long on its way back to the ERP as a release may be on its way to a site. Where a feed that
-- a rule of the edge compares has never spoken, what is missing is not known yet: SYS-01 tells of the feed.
with

compared_edges as (
    select distinct edge
    from ref_rule_explains
    where edge <> 'billed' or exists (select 1 from rec_feeds where contract = 'invoice_lines')
),

unheard_edges as (
    select distinct ref_rule_explains.edge, rec_feeds.node
    from ref_rule_explains
    inner join ref_rule_feeds on ref_rule_explains.code = ref_rule_feeds.code
    inner join rec_feeds
        on ref_rule_feeds.role = rec_feeds.role and ref_rule_feeds.contract = rec_feeds.contract
    where rec_feeds.as_of is null
),

finance_readings as (
    select max(as_of) as read_at
    from rec_feeds
    where role = 'finance' and contract = 'invoice_lines'
),

edges as (
    select
        order_id, line_no, node, 'ordered' as edge, residual_ordered_qty as residual_qty,
        cast(null as timestamptz) as booked_at
    from rec_residual_lines
    union all
    select
        order_id, line_no, node, 'released' as edge, residual_released_qty as residual_qty,
        to_timestamp(epoch(last_taken_in_at) + $whs_01_ack_legacy_minutes * 60) as booked_at
    from rec_residual_lines
    union all
    select
        order_id, line_no, node, 'shipped' as edge, residual_shipped_qty as residual_qty,
        last_confirmed_at as booked_at
    from rec_residual_lines
    union all
    select
        order_id, line_no, node, 'delivered' as edge, residual_delivered_qty as residual_qty,
        cast(null as timestamptz) as booked_at
    from rec_residual_lines
    union all
    select
        order_id, line_no, node, 'billed' as edge, residual_billed_qty as residual_qty,
        case when has_undated_document then finance.read_at else last_posted_at end as booked_at
    from rec_residual_lines
    cross join finance_readings as finance
),

read_times as (
    select
        case when role = 'erp' then 'released' else 'shipped' end as edge,
        node,
        min(as_of) as read_at
    from rec_feeds
    where (role = 'erp' and contract = 'releases') or (role = 'wms' and contract = 'shipment_lines')
    group by role, node
),

order_explanations as (
    select distinct rec_findings.order_id, rec_findings.line_no, ref_rule_explains.edge
    from rec_findings
    inner join ref_rule_explains on rec_findings.code = ref_rule_explains.code
    where rec_findings.order_id <> ''
),

-- Looked for apart, each by all that it names: a join that asks for either compares every pair of an order or an edge.
whole_order_explanations as (
    select order_id, edge
    from order_explanations
    where line_no is null
),

line_explanations as (
    select order_id, line_no, edge
    from order_explanations
    where line_no is not null
),

-- An order that waits for the mapping of a number is told by the number.
mapping_explanations as (
    select distinct rec_order_intake.order_id
    from rec_order_intake
    inner join rec_findings
        on rec_findings.code = 'INT-05' and rec_order_intake.reference_key = rec_findings.business_key
    where rec_order_intake.reference_key <> ''
),

-- A finding about a shipment speaks of every line that is on it.
shipment_explanations as (
    select distinct legs.order_id, legs.line_no
    from rec_findings
    inner join ref_rule_explains on rec_findings.code = ref_rule_explains.code and ref_rule_explains.edge = 'delivered'
    inner join rec_residual_legs as legs on rec_findings.scope_key = legs.shipment_id
),

quarantined_orders as (
    select distinct order_id
    from ops_open_quarantine
    where order_id is not null
),

unexplained_lines as (
    select
        edges.edge,
        edges.order_id || '/' || edges.line_no as business_key,
        edges.node,
        edges.residual_qty
    from edges
    semi join compared_edges on edges.edge = compared_edges.edge
    left join whole_order_explanations
        on edges.order_id = whole_order_explanations.order_id and edges.edge = whole_order_explanations.edge
    left join line_explanations
        on edges.order_id = line_explanations.order_id
        and edges.line_no = line_explanations.line_no
        and edges.edge = line_explanations.edge
    left join mapping_explanations on edges.order_id = mapping_explanations.order_id and edges.edge = 'ordered'
    left join shipment_explanations
        on edges.edge = 'delivered'
        and edges.order_id = shipment_explanations.order_id
        and edges.line_no = shipment_explanations.line_no
    left join quarantined_orders on edges.order_id = quarantined_orders.order_id
    left join read_times
        on (edges.edge = read_times.edge or (edges.edge = 'billed' and read_times.edge = 'shipped'))
        and (read_times.node = '' or edges.node = read_times.node)
    left join unheard_edges
        on edges.edge = unheard_edges.edge
        and (unheard_edges.node = '' or edges.node = '' or edges.node = unheard_edges.node)
    where
        edges.residual_qty <> 0
        and unheard_edges.edge is null
        and not (edges.residual_qty < 0 and coalesce(edges.booked_at >= read_times.read_at, false))
        and whole_order_explanations.order_id is null
        and line_explanations.order_id is null
        and mapping_explanations.order_id is null
        and shipment_explanations.order_id is null
        and quarantined_orders.order_id is null
),

stock_edges as (
    select
        node,
        sku,
        'on_hand' as edge,
        residual_on_hand_qty as residual_qty,
        abs(residual_on_hand_qty) > $inv_01_tolerance_qty
        and abs(residual_on_hand_qty) * 100 > abs(wms_on_hand_qty - rolled_wms_qty) * case
            when abc_class = 'A' then $inv_01_tolerance_a_percent
            when abc_class = 'B' then $inv_01_tolerance_b_percent
            when abc_class = 'C' then $inv_01_tolerance_c_percent
            else $inv_01_tolerance_percent
        end as is_material
    from rec_stock_ledger
    union all
    select
        node,
        sku,
        'available' as edge,
        residual_available_qty as residual_qty,
        residual_available_qty > $inv_02_tolerance_qty and open_demand_qty > 0 as is_material
    from rec_stock_ledger
),

stock_explanations as (
    select distinct rec_findings.business_key, rec_findings.node, ref_rule_explains.edge
    from rec_findings
    inner join ref_rule_explains on rec_findings.code = ref_rule_explains.code
    where rec_findings.order_id = ''
),

unexplained_stock as (
    select stock_edges.edge, stock_edges.sku as business_key, stock_edges.node, stock_edges.residual_qty
    from stock_edges
    semi join compared_edges on stock_edges.edge = compared_edges.edge
    left join unheard_edges
        on stock_edges.edge = unheard_edges.edge
        and (unheard_edges.node = '' or stock_edges.node = unheard_edges.node)
    left join stock_explanations
        on stock_edges.sku = stock_explanations.business_key
        and stock_edges.node = stock_explanations.node
        and stock_edges.edge = stock_explanations.edge
    where stock_edges.is_material and unheard_edges.edge is null and stock_explanations.business_key is null
)

select edge, business_key, node, residual_qty
from unexplained_lines
union all
select edge, business_key, node, residual_qty
from unexplained_stock
