-- grain: one row per item and node with a leg that was booked after the moment of the comparison
-- What left or was confirmed after that moment (later), and of it what the position had in it when it was read
-- (rolled). Legs are looked for by their dates, so that a long history costs nothing.
with

earliest as (
    select min(cut_at) as cut_at
    from rec_stock_readings
),

young_legs as (
    select legs.node, legs.sku, legs.role, legs.shipped_qty, legs.shipped_at, legs.confirmed_at
    from canon_shipment_lines as legs
    cross join earliest
    where legs.role in ('erp', 'wms') and legs.shipped_at > earliest.cut_at
    union all
    select legs.node, legs.sku, legs.role, legs.shipped_qty, legs.shipped_at, legs.confirmed_at
    from canon_shipment_lines as legs
    cross join earliest
    where
        legs.role = 'erp'
        and legs.confirmed_at > earliest.cut_at
        and (legs.shipped_at is null or legs.shipped_at <= earliest.cut_at)
),

dated_legs as (
    select
        legs.node,
        legs.sku,
        legs.role,
        legs.shipped_qty,
        case
            when legs.role = 'wms' then legs.shipped_at else coalesce(legs.confirmed_at, legs.shipped_at)
        end as booked_at,
        case when legs.role = 'wms' then readings.wms_read_at else readings.erp_read_at end as read_at,
        readings.cut_at
    from young_legs as legs
    inner join rec_stock_readings as readings on legs.node = readings.node
)

select
    node,
    sku,
    cast(sum(case when role = 'wms' then shipped_qty else 0 end) as decimal(18, 4)) as later_departed_qty,
    cast(sum(case when role = 'erp' then shipped_qty else 0 end) as decimal(18, 4)) as later_confirmed_qty,
    cast(sum(case when role = 'wms' and booked_at <= read_at then shipped_qty else 0 end) as decimal(18, 4))
        as rolled_departed_qty,
    cast(sum(case when role = 'erp' and booked_at <= read_at then shipped_qty else 0 end) as decimal(18, 4))
        as rolled_confirmed_qty
from dated_legs
where booked_at > cut_at and sku is not null
group by node, sku
