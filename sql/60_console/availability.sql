-- grain: one row per item and node that the ERP or a warehouse holds, of $sku and $node where they are not empty
-- Behind ($after_sku, $after_node), at most $most rows. `verdict` is what the last run found; whether its inputs are
-- still fresh, feed_standings says. What only one of the two holds cannot be compared.
with

erp_stock as (
    select sku, node, on_hand_qty, reserved_qty, available_qty, snapshot_id
    from canon_stock_levels
    where role = 'erp' and ($sku = '' or sku = $sku) and ($node = '' or node = $node)
),

wms_stock as (
    select sku, node, on_hand_qty, reserved_qty, available_qty, snapshot_id
    from canon_stock_levels
    where role = 'wms' and ($sku = '' or sku = $sku) and ($node = '' or node = $node)
),

findings as (
    select
        scope_key as sku,
        node,
        count(*) filter (where verdict = 'DIFFER') as differ_count,
        count(*) filter (where verdict = 'UNKNOWN') as unknown_count,
        count(*) filter (where verdict = 'TIMING') as timing_count,
        string_agg(distinct code, ', ' order by code) as codes
    from rec_findings
    where code in ('INV-01', 'INV-02', 'INV-03')
    group by scope_key, node
),

positions as (
    select
        coalesce(erp_stock.sku, wms_stock.sku) as sku,
        coalesce(erp_stock.node, wms_stock.node) as node,
        erp_stock.on_hand_qty as erp_on_hand_qty,
        erp_stock.reserved_qty as erp_reserved_qty,
        erp_stock.available_qty as erp_available_qty,
        erp_stock.snapshot_id as erp_snapshot_id,
        wms_stock.on_hand_qty as wms_on_hand_qty,
        wms_stock.reserved_qty as wms_reserved_qty,
        wms_stock.available_qty as wms_available_qty,
        wms_stock.snapshot_id as wms_snapshot_id
    from erp_stock
    full join wms_stock on erp_stock.sku = wms_stock.sku and erp_stock.node = wms_stock.node
)

select
    positions.sku,
    positions.node,
    positions.erp_on_hand_qty,
    positions.erp_reserved_qty,
    positions.erp_available_qty,
    positions.erp_snapshot_id,
    positions.wms_on_hand_qty,
    positions.wms_reserved_qty,
    positions.wms_available_qty,
    positions.wms_snapshot_id,
    stock_ledger.open_demand_qty,
    stock_ledger.residual_available_qty,
    coalesce(findings.codes, '') as codes,
    case
        when findings.differ_count > 0 then 'DIFFER'
        when findings.unknown_count > 0 or stock_ledger.sku is null then 'UNKNOWN'
        when findings.timing_count > 0 then 'TIMING'
        else 'AGREE'
    end as verdict
from positions
left join rec_stock_ledger as stock_ledger
    on positions.sku = stock_ledger.sku and positions.node = stock_ledger.node
left join findings on positions.sku = findings.sku and positions.node = findings.node
where positions.sku > $after_sku or (positions.sku = $after_sku and positions.node > $after_node)
order by positions.sku, positions.node
limit $most
