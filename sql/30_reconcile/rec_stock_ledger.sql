-- grain: one row per item and node that both the ERP and a warehouse hold
-- What each side says, and what is left when everything known to be on its way is taken out:
--   residual_on_hand_qty   = ERP on hand - WMS on hand - (departed - confirmed), all at one moment
--   residual_available_qty = ERP ATP - (WMS free - allocated but not yet released) - what left or was counted between
--     the books - reservations of orders that differ from what was released and has not left (INV-04, INV-05)
-- The moment is the earliest at which any of the feeds was read (cut_at, where something happened after it): a
-- position that was read later is rolled back by what moved, left or was confirmed in between. Availability needs no
-- rolling, since each side's stock on hand cancels out of it.
-- scope: stock
-- revisit: is_rolled
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

movements as (
    select
        movements.node,
        movements.sku,
        sum(
            case
                when movements.role = 'wms' and movements.moved_at <= readings.wms_read_at then movements.movement_qty
                else 0
            end
        ) as rolled_wms_qty,
        sum(
            case
                when movements.role = 'erp' and movements.moved_at <= readings.erp_read_at then movements.movement_qty
                else 0
            end
        ) as rolled_erp_qty
    from canon_stock_movements as movements
    inner join rec_stock_readings as readings on movements.node = readings.node
    where movements.movement_type <> 'SHIPMENT' and movements.moved_at > readings.cut_at
    group by movements.node, movements.sku
),

items as (
    select sku, min(abc_class) as abc_class
    from canon_items
    where role = 'erp'
    group by sku
),

positions as (
    select
        erp_stock.node,
        erp_stock.sku,
        items.abc_class,
        erp_stock.on_hand_qty as erp_on_hand_qty,
        wms_stock.on_hand_qty as wms_on_hand_qty,
        erp_stock.reserved_qty as erp_reserved_qty,
        wms_stock.reserved_qty as wms_reserved_qty,
        erp_stock.available_qty as erp_available_qty,
        wms_stock.available_qty as wms_available_qty,
        coalesce(sums.departed_qty, 0) as departed_qty,
        coalesce(sums.confirmed_qty, 0) as confirmed_qty,
        coalesce(late_legs.later_departed_qty, 0) as later_departed_qty,
        coalesce(late_legs.later_confirmed_qty, 0) as later_confirmed_qty,
        coalesce(movements.rolled_wms_qty, 0) - coalesce(late_legs.rolled_departed_qty, 0) as rolled_wms_qty,
        coalesce(movements.rolled_erp_qty, 0) - coalesce(late_legs.rolled_confirmed_qty, 0) as rolled_erp_qty,
        coalesce(sums.released_qty, 0) as released_qty,
        case when sums.reservation_count > 0 then sums.reserved_for_orders_qty end as reserved_for_orders_qty,
        coalesce(sums.allocated_qty, 0) as allocated_qty,
        coalesce(sums.demanded_qty, 0) as demanded_qty,
        movements.sku is not null or late_legs.sku is not null as is_rolled,
        readings.cut_at,
        erp_stock.snapshot_id as erp_snapshot_id,
        wms_stock.snapshot_id as wms_snapshot_id
    from erp_stock
    inner join wms_stock on erp_stock.node = wms_stock.node and erp_stock.sku = wms_stock.sku
    left join rec_stock_readings as readings on erp_stock.node = readings.node
    left join rec_late_legs as late_legs on erp_stock.node = late_legs.node and erp_stock.sku = late_legs.sku
    left join movements on erp_stock.node = movements.node and erp_stock.sku = movements.sku
    left join rec_stock_sums as sums on erp_stock.node = sums.node and erp_stock.sku = sums.sku
    left join items on erp_stock.sku = items.sku
),

in_flight as (
    select
        node,
        sku,
        abc_class,
        erp_on_hand_qty,
        wms_on_hand_qty,
        erp_reserved_qty,
        wms_reserved_qty,
        erp_available_qty,
        wms_available_qty,
        confirmed_qty,
        allocated_qty,
        demanded_qty,
        rolled_wms_qty,
        rolled_erp_qty,
        is_rolled,
        cut_at,
        departed_qty - confirmed_qty as all_unconfirmed_qty,
        departed_qty - later_departed_qty - (confirmed_qty - later_confirmed_qty) as unconfirmed_qty,
        allocated_qty - (released_qty - departed_qty) - (departed_qty - confirmed_qty) as unreleased_qty,
        coalesce(reserved_for_orders_qty - (released_qty - departed_qty), 0) as misreserved_qty,
        erp_snapshot_id,
        wms_snapshot_id
    from positions
)

select
    sku as scope_key,
    node,
    sku,
    abc_class,
    erp_on_hand_qty,
    wms_on_hand_qty,
    erp_reserved_qty,
    wms_reserved_qty,
    erp_available_qty,
    wms_available_qty,
    cast(allocated_qty as decimal(18, 4)) as allocated_qty,
    cast(demanded_qty - confirmed_qty as decimal(18, 4)) as open_demand_qty,
    cast(unconfirmed_qty as decimal(18, 4)) as unconfirmed_qty,
    cast(unreleased_qty as decimal(18, 4)) as unreleased_qty,
    cast(misreserved_qty as decimal(18, 4)) as misreserved_qty,
    is_rolled,
    case when is_rolled then cut_at end as cut_at,
    cast(rolled_erp_qty as decimal(18, 4)) as rolled_erp_qty,
    cast(rolled_wms_qty as decimal(18, 4)) as rolled_wms_qty,
    cast(
        erp_on_hand_qty - rolled_erp_qty - (wms_on_hand_qty - rolled_wms_qty) - unconfirmed_qty as decimal(18, 4)
    ) as residual_on_hand_qty,
    cast(
        erp_available_qty - (wms_available_qty - unreleased_qty)
        - (erp_on_hand_qty - wms_on_hand_qty - all_unconfirmed_qty) - misreserved_qty as decimal(18, 4)
    ) as residual_available_qty,
    erp_snapshot_id,
    wms_snapshot_id
from in_flight
