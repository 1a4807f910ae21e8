-- grain: one row per item and node that both the ERP and a warehouse hold
-- What each side says, and what is left when everything known to be on its way is taken out:
--   residual_on_hand_qty   = ERP on hand - WMS on hand - (departed - confirmed)
--   residual_available_qty = ERP ATP - (WMS free - allocated but not yet released) - residual_on_hand_qty
-- scope: stock
with

erp_stock as (
    select node, sku, on_hand_qty, reserved_qty, available_qty, snapshot_id
    from canon_stock_levels
    where role = 'erp'
),

wms_stock as (
    select node, sku, on_hand_qty, reserved_qty, available_qty, snapshot_id
    from canon_stock_levels
    where role = 'wms'
),

legs as (
    select
        node,
        sku,
        sum(case when role = 'wms' then shipped_qty else 0 end) as departed_qty,
        sum(case when role = 'erp' then shipped_qty else 0 end) as confirmed_qty
    from canon_shipment_lines
    group by node, sku
),

releases as (
    select node, sku, sum(released_qty) as released_qty
    from canon_releases
    where role = 'wms'
    group by node, sku
),

demand as (
    select
        node,
        sku,
        sum(allocated_qty) as allocated_qty,
        sum(ordered_qty - cancelled_qty) as demanded_qty
    from canon_order_lines
    where role = 'erp'
    group by node, sku
),

positions as (
    select
        erp_stock.node,
        erp_stock.sku,
        erp_stock.on_hand_qty as erp_on_hand_qty,
        wms_stock.on_hand_qty as wms_on_hand_qty,
        erp_stock.available_qty as erp_available_qty,
        wms_stock.available_qty as wms_available_qty,
        cast(coalesce(legs.departed_qty, 0) as decimal(18, 4)) as departed_qty,
        cast(coalesce(legs.confirmed_qty, 0) as decimal(18, 4)) as confirmed_qty,
        cast(coalesce(releases.released_qty, 0) as decimal(18, 4)) as released_qty,
        cast(coalesce(demand.allocated_qty, 0) as decimal(18, 4)) as allocated_qty,
        cast(coalesce(demand.demanded_qty, 0) as decimal(18, 4)) as demanded_qty,
        erp_stock.snapshot_id as erp_snapshot_id,
        wms_stock.snapshot_id as wms_snapshot_id
    from erp_stock
    inner join wms_stock on erp_stock.node = wms_stock.node and erp_stock.sku = wms_stock.sku
    left join legs on erp_stock.node = legs.node and erp_stock.sku = legs.sku
    left join releases on erp_stock.node = releases.node and erp_stock.sku = releases.sku
    left join demand on erp_stock.node = demand.node and erp_stock.sku = demand.sku
),

in_flight as (
    select
        node,
        sku,
        erp_on_hand_qty,
        wms_on_hand_qty,
        erp_available_qty,
        wms_available_qty,
        departed_qty,
        confirmed_qty,
        released_qty,
        allocated_qty,
        demanded_qty,
        departed_qty - confirmed_qty as unconfirmed_qty,
        allocated_qty - (released_qty - departed_qty) - (departed_qty - confirmed_qty) as unreleased_qty,
        erp_snapshot_id,
        wms_snapshot_id
    from positions
)

select
    sku as scope_key,
    node,
    sku,
    erp_on_hand_qty,
    wms_on_hand_qty,
    erp_available_qty,
    wms_available_qty,
    cast(demanded_qty - confirmed_qty as decimal(18, 4)) as open_demand_qty,
    cast(unconfirmed_qty as decimal(18, 4)) as unconfirmed_qty,
    cast(unreleased_qty as decimal(18, 4)) as unreleased_qty,
    cast(erp_on_hand_qty - wms_on_hand_qty - unconfirmed_qty as decimal(18, 4)) as residual_on_hand_qty,
    cast(
        erp_available_qty - (wms_available_qty - unreleased_qty)
        - (erp_on_hand_qty - wms_on_hand_qty - unconfirmed_qty) as decimal(18, 4)
    ) as residual_available_qty,
    erp_snapshot_id,
    wms_snapshot_id
from in_flight
