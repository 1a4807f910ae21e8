-- rule: INV-02
-- name: FALSE_AVAILABILITY
-- title: The ERP promises stock that the warehouse has reserved
-- grain: item at a node
-- scope: stock
-- severity: S2
-- owner: Allocation
-- feeds: erp.stock_levels, erp.order_lines, wms.stock_levels, wms.releases, wms.shipment_lines, erp.shipment_lines
-- also: wms.reservations
-- tolerance: inv_02_tolerance_qty
-- confirm: 2
-- correction: atp.set -> erp
-- class: G
-- explains: available
-- source: domain book 2.7: only while demand is open
-- A difference of the quantity on hand is INV-01; what a line has allocated beyond its order is INV-03; reservations of
-- orders that differ from what was released are INV-04 and INV-05: the ledger takes all of it out.
with

false_availability as (
    select
        scope_key,
        node,
        sku,
        erp_available_qty,
        wms_available_qty,
        residual_available_qty,
        erp_snapshot_id,
        wms_snapshot_id
    from rec_stock_ledger
    where residual_available_qty > $inv_02_tolerance_qty and open_demand_qty > 0
),

prices as (
    select sku, max(unit_price) as unit_price, max(currency) as currency
    from rec_item_prices
    group by sku
)

select
    false_availability.sku as business_key,
    false_availability.node,
    false_availability.scope_key,
    cast(null as varchar) as order_id,
    cast(null as bigint) as line_no,
    cast(false_availability.erp_available_qty - false_availability.residual_available_qty as varchar) as expected_value,
    cast(false_availability.erp_available_qty as varchar) as actual_value,
    cast(-false_availability.residual_available_qty as decimal(18, 4)) as delta_qty,
    cast(false_availability.residual_available_qty * coalesce(prices.unit_price, 0) as decimal(18, 2))
        as value_at_risk_amount,
    coalesce(prices.currency, 'XXX') as currency,
    cast(null as timestamptz) as condition_since,
    cast(null as timestamptz) as breaks_at,
    'atp.set' as message,
    'erp' as target_role,
    to_json({
        'node': false_availability.node,
        'sku': false_availability.sku,
        'available_qty': cast(
            false_availability.erp_available_qty - false_availability.residual_available_qty as varchar
        )
    }) as payload,
    to_json({'available_qty': cast(false_availability.erp_available_qty as varchar)}) as precondition,
    '' as judgement_reason,
    to_json({
        'erp': false_availability.erp_snapshot_id,
        'wms': false_availability.wms_snapshot_id,
        'wms_free_qty': cast(false_availability.wms_available_qty as varchar)
    }) as evidence
from false_availability
left join prices on false_availability.sku = prices.sku
