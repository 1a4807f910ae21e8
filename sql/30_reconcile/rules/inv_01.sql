-- rule: INV-01
-- name: ONHAND_MISMATCH
-- title: The ERP books another quantity on hand than the warehouse holds
-- grain: item at a node
-- scope: stock
-- severity: S3
-- owner: Inventory
-- feeds: erp.stock_levels, wms.stock_levels, wms.stock_movements, wms.shipment_lines, erp.shipment_lines
-- also: erp.items
-- tolerance: inv_01_grace_minutes, inv_01_tolerance_a_percent, inv_01_tolerance_b_percent, inv_01_tolerance_c_percent,
--     inv_01_tolerance_percent, inv_01_tolerance_qty, inv_01_small_percent
-- confirm: 2
-- correction: inventory.adjust -> erp, count.request -> wms (J)
-- class: P
-- explains: on_hand
-- source: domain book 2.7; X12 947
-- A difference is explained by one movement, or by the latest movements in a row: what was not booked from some moment
-- on. Movements after the moment of the comparison explain nothing. Stock below zero is INV-03. It is S2 while more is
-- ordered from the site than it holds.
with

positions as (
    select
        scope_key,
        node,
        sku,
        erp_on_hand_qty,
        wms_on_hand_qty,
        erp_on_hand_qty - rolled_erp_qty as erp_at_cut_qty,
        wms_on_hand_qty - rolled_wms_qty as wms_at_cut_qty,
        unconfirmed_qty,
        residual_on_hand_qty,
        open_demand_qty - unconfirmed_qty > wms_on_hand_qty as is_short,
        cut_at,
        case
            when abc_class = 'A' then $inv_01_tolerance_a_percent
            when abc_class = 'B' then $inv_01_tolerance_b_percent
            when abc_class = 'C' then $inv_01_tolerance_c_percent
            else $inv_01_tolerance_percent
        end as tolerance_percent,
        erp_snapshot_id,
        wms_snapshot_id
    from rec_stock_ledger
    where abs(residual_on_hand_qty) > $inv_01_tolerance_qty
),

mismatches as (
    select
        scope_key,
        node,
        sku,
        erp_on_hand_qty,
        erp_at_cut_qty,
        wms_at_cut_qty,
        unconfirmed_qty,
        residual_on_hand_qty,
        is_short,
        cut_at,
        erp_snapshot_id,
        wms_snapshot_id
    from positions
    where abs(residual_on_hand_qty) * 100 > abs(wms_at_cut_qty) * tolerance_percent and wms_on_hand_qty >= 0
),

movements as (
    select
        mismatches.node,
        mismatches.sku,
        mismatches.residual_on_hand_qty,
        movements.movement_id,
        movements.movement_qty,
        movements.moved_at,
        row_number() over (
            partition by mismatches.node, mismatches.sku
            order by movements.moved_at desc, movements.movement_id desc
        ) as recency,
        sum(movements.movement_qty) over (
            partition by mismatches.node, mismatches.sku
            order by movements.moved_at desc, movements.movement_id desc
            rows between unbounded preceding and current row
        ) as suffix_qty
    from mismatches
    inner join canon_stock_movements as movements
        on mismatches.node = movements.node and mismatches.sku = movements.sku
    where
        movements.role = 'wms'
        and movements.movement_type in ('RECEIPT', 'ADJUSTMENT', 'RETURN')
        and (mismatches.cut_at is null or movements.moved_at <= mismatches.cut_at)
),

movement_bounds as (
    select
        node,
        sku,
        max(moved_at) as last_moved_at,
        min(case when movement_qty = -residual_on_hand_qty then recency end) as single_recency,
        min(case when suffix_qty = -residual_on_hand_qty then recency end) as suffix_recency
    from movements
    group by node, sku
),

-- One movement explains better than several.
explanations as (
    select
        movements.node,
        movements.sku,
        max(movement_bounds.last_moved_at) as last_moved_at,
        string_agg(movements.movement_id, '+' order by movements.recency desc) as movement_id,
        min(movements.moved_at) as explained_at
    from movements
    inner join movement_bounds on movements.node = movement_bounds.node and movements.sku = movement_bounds.sku
    where
        movements.recency = movement_bounds.single_recency
        or (movement_bounds.single_recency is null and movements.recency <= movement_bounds.suffix_recency)
    group by movements.node, movements.sku
),

prices as (
    select sku, max(unit_price) as unit_price, max(currency) as currency
    from rec_item_prices
    group by sku
),

explained as (
    select
        mismatches.scope_key,
        mismatches.node,
        mismatches.sku,
        mismatches.erp_on_hand_qty,
        mismatches.erp_at_cut_qty,
        mismatches.wms_at_cut_qty,
        mismatches.unconfirmed_qty,
        mismatches.residual_on_hand_qty,
        mismatches.is_short,
        mismatches.cut_at,
        mismatches.erp_snapshot_id,
        mismatches.wms_snapshot_id,
        movement_bounds.last_moved_at,
        explanations.movement_id,
        explanations.explained_at,
        coalesce(prices.unit_price, 0) as unit_price,
        coalesce(prices.currency, 'XXX') as currency
    from mismatches
    left join movement_bounds on mismatches.node = movement_bounds.node and mismatches.sku = movement_bounds.sku
    left join explanations on mismatches.node = explanations.node and mismatches.sku = explanations.sku
    left join prices on mismatches.sku = prices.sku
)

select
    sku as business_key,
    node,
    scope_key,
    cast(null as varchar) as order_id,
    cast(null as bigint) as line_no,
    cast(cast(wms_at_cut_qty + unconfirmed_qty as decimal(18, 4)) as varchar) as expected_value,
    cast(cast(erp_at_cut_qty as decimal(18, 4)) as varchar) as actual_value,
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
        -- X12 element 181: 06 is a book adjustment that decreases, 56 one that increases.
        'reason_code': case when residual_on_hand_qty > 0 then '06' else '56' end,
        'movement_id': movement_id
    }) as payload,
    to_json({'on_hand_qty': cast(erp_on_hand_qty as varchar)}) as precondition,
    case
        when movement_id is null then 'no movement of the warehouse explains the difference'
        when abs(residual_on_hand_qty) * 100 > abs(wms_at_cut_qty) * $inv_01_small_percent
            then 'the difference is not small'
        else ''
    end as judgement_reason,
    to_json({
        'erp': erp_snapshot_id,
        'wms': wms_snapshot_id,
        'unconfirmed_qty': cast(unconfirmed_qty as varchar),
        'movement_id': movement_id,
        'cut_at': strftime(cut_at, '%Y-%m-%dT%H:%M:%SZ')
    }) as evidence,
    case when is_short then 'S2' else 'S3' end as severity
from explained
