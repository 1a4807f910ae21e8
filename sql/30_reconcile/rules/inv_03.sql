-- rule: INV-03
-- name: OVER_ALLOCATED
-- title: More is promised than there is, or than the line asks for
-- grain: item at a node, or order line
-- scope: stock
-- severity: S1
-- owner: Allocation
-- feeds: erp.stock_levels, erp.order_lines, wms.stock_levels, wms.releases, wms.shipment_lines, erp.shipment_lines
-- also: wms.reservations
-- confirm: 2
-- correction: allocation.release -> erp
-- class: J
-- follows: INV-01, INV-02
-- explains: on_hand, available
-- source: domain book 2.7: line alloc > qO - qX, sum of allocations > sellable, negative stock
-- The ERP has over-allocated when its allocations exceed what either book holds, goods on their way to being booked
-- included; a site, when its reservations exceed what it holds, those that are INV-04 and INV-05 left out. Which order
-- loses the stock is for a person, so that no message can be proposed for a position.
with

positions as (
    select
        scope_key,
        node,
        sku,
        wms_on_hand_qty,
        greatest(erp_on_hand_qty, wms_on_hand_qty + unconfirmed_qty) as erp_sellable_qty,
        greatest(erp_reserved_qty, allocated_qty) as erp_promised_qty,
        wms_reserved_qty - misreserved_qty as wms_promised_qty,
        erp_snapshot_id,
        wms_snapshot_id
    from rec_stock_ledger
),

oversold as (
    select
        scope_key,
        node,
        sku,
        wms_on_hand_qty < 0 as is_negative,
        case
            when erp_promised_qty > erp_sellable_qty then erp_promised_qty
            when wms_on_hand_qty < 0 then 0
            else wms_promised_qty
        end as promised_qty,
        case when erp_promised_qty > erp_sellable_qty then erp_sellable_qty else wms_on_hand_qty end as sellable_qty,
        erp_snapshot_id,
        wms_snapshot_id
    from positions
    where erp_promised_qty > erp_sellable_qty or wms_promised_qty > wms_on_hand_qty or wms_on_hand_qty < 0
),

prices as (
    select sku, max(unit_price) as unit_price, max(currency) as currency
    from rec_item_prices
    group by sku
),

over_allocated_lines as (
    select
        order_id,
        line_no,
        node,
        sku,
        wanted_qty,
        allocated_qty,
        unit_price,
        currency,
        snapshot_id
    from rec_allocation_gaps
    where allocated_qty > wanted_qty
),

differences as (
    select
        oversold.sku as business_key,
        oversold.node,
        oversold.scope_key,
        oversold.sku,
        cast(null as varchar) as order_id,
        cast(null as bigint) as line_no,
        oversold.sellable_qty as expected_qty,
        oversold.promised_qty as actual_qty,
        coalesce(prices.unit_price, 0) as unit_price,
        coalesce(prices.currency, 'XXX') as currency,
        case
            when oversold.is_negative then 'stock below zero is a matter of counting, and somebody loses it'
            else 'who loses the stock is for a person'
        end as judgement_reason,
        oversold.erp_snapshot_id,
        oversold.wms_snapshot_id
    from oversold
    left join prices on oversold.sku = prices.sku
    union all
    select
        order_id || '/' || line_no as business_key,
        node,
        sku as scope_key,
        sku,
        order_id,
        line_no,
        wanted_qty as expected_qty,
        allocated_qty as actual_qty,
        unit_price,
        currency,
        'the line holds more than it asks for' as judgement_reason,
        snapshot_id as erp_snapshot_id,
        cast(null as varchar) as wms_snapshot_id
    from over_allocated_lines
)

select
    business_key,
    node,
    scope_key,
    order_id,
    line_no,
    cast(cast(expected_qty as decimal(18, 4)) as varchar) as expected_value,
    cast(cast(actual_qty as decimal(18, 4)) as varchar) as actual_value,
    cast(expected_qty - actual_qty as decimal(18, 4)) as delta_qty,
    cast(abs(actual_qty - expected_qty) * unit_price as decimal(18, 2)) as value_at_risk_amount,
    currency,
    cast(null as timestamptz) as condition_since,
    cast(null as timestamptz) as breaks_at,
    case when order_id is null then '' else 'allocation.release' end as message,
    case when order_id is null then '' else 'erp' end as target_role,
    to_json({
        'order_id': order_id,
        'line_no': line_no,
        'node': node,
        'sku': sku,
        'released_qty': cast(cast(actual_qty - expected_qty as decimal(18, 4)) as varchar),
        'allocated_qty': cast(cast(expected_qty as decimal(18, 4)) as varchar)
    }) as payload,
    to_json({'allocated_qty': cast(cast(actual_qty as decimal(18, 4)) as varchar)}) as precondition,
    judgement_reason,
    to_json({'erp': erp_snapshot_id, 'wms': wms_snapshot_id}) as evidence
from differences
