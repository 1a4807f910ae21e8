-- rule: INV-01
-- name: ONHAND_MISMATCH
-- title: The ERP books another quantity on hand than the warehouse holds
-- grain: item at a node
-- scope: stock
-- severity: S3
-- owner: Inventory
-- feeds: erp.stock_levels, wms.stock_levels, wms.stock_movements, wms.shipment_lines, erp.shipment_lines
-- tolerance: inv_01_grace_minutes, inv_01_tolerance_percent, inv_01_tolerance_qty, inv_01_small_percent
-- confirm: 2
-- correction: inventory.adjust -> erp, count.request -> wms
-- class: P
-- explains: on_hand
-- source: domain book 2.7; X12 947
with

mismatches as (
    select
        scope_key,
        node,
        sku,
        erp_on_hand_qty,
        wms_on_hand_qty,
        unconfirmed_qty,
        residual_on_hand_qty,
        erp_snapshot_id,
        wms_snapshot_id
    from rec_stock_ledger
    where
        abs(residual_on_hand_qty) > $inv_01_tolerance_qty
        and abs(residual_on_hand_qty) * 100 > abs(wms_on_hand_qty) * $inv_01_tolerance_percent
),

movements as (
    select
        mismatches.node,
        mismatches.sku,
        max(movements.moved_at) as last_moved_at,
        max_by(movements.movement_id, movements.moved_at)
            filter (where movements.movement_qty = -mismatches.residual_on_hand_qty) as movement_id,
        max(movements.moved_at)
            filter (where movements.movement_qty = -mismatches.residual_on_hand_qty) as explained_at
    from mismatches
    inner join canon_stock_movements as movements
        on mismatches.node = movements.node and mismatches.sku = movements.sku
    where movements.role = 'wms' and movements.movement_type in ('RECEIPT', 'ADJUSTMENT', 'RETURN')
    group by mismatches.node, mismatches.sku
),

prices as (
    select sku, max(unit_price) as unit_price, max(currency) as currency
    from canon_order_lines
    where role = 'erp'
    group by sku
),

explained as (
    select
        mismatches.scope_key,
        mismatches.node,
        mismatches.sku,
        mismatches.erp_on_hand_qty,
        mismatches.wms_on_hand_qty,
        mismatches.unconfirmed_qty,
        mismatches.residual_on_hand_qty,
        mismatches.erp_snapshot_id,
        mismatches.wms_snapshot_id,
        movements.last_moved_at,
        movements.movement_id,
        movements.explained_at,
        coalesce(prices.unit_price, 0) as unit_price,
        coalesce(prices.currency, 'XXX') as currency
    from mismatches
    left join movements on mismatches.node = movements.node and mismatches.sku = movements.sku
    left join prices on mismatches.sku = prices.sku
)

select
    sku as business_key,
    node,
    scope_key,
    cast(null as varchar) as order_id,
    cast(null as bigint) as line_no,
    cast(wms_on_hand_qty + unconfirmed_qty as varchar) as expected_value,
    cast(erp_on_hand_qty as varchar) as actual_value,
    cast(-residual_on_hand_qty as decimal(18, 4)) as delta_qty,
    cast(abs(residual_on_hand_qty) * unit_price as decimal(18, 2)) as value_at_risk_amount,
    currency,
    explained_at as condition_since,
    to_timestamp(epoch(last_moved_at) + $inv_01_grace_minutes * 60) as breaks_at,
    case when movement_id is null then 'count.request' else 'inventory.adjust' end as message,
    case when movement_id is null then 'wms' else 'erp' end as target_role,
    to_json({
        'node': node,
        'sku': sku,
        'movement_qty': cast(-residual_on_hand_qty as varchar),
        'reason_code': '181',
        'movement_id': movement_id
    }) as payload,
    to_json({'on_hand_qty': cast(erp_on_hand_qty as varchar)}) as precondition,
    case
        when movement_id is null then 'no movement of the warehouse explains the difference'
        when abs(residual_on_hand_qty) * 100 > abs(wms_on_hand_qty) * $inv_01_small_percent
            then 'the difference is not small'
        else ''
    end as judgement_reason,
    to_json({
        'erp': erp_snapshot_id,
        'wms': wms_snapshot_id,
        'unconfirmed_qty': cast(unconfirmed_qty as varchar),
        'movement_id': movement_id
    }) as evidence
from explained
