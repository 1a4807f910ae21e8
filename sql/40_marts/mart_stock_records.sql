-- grain: one row per item at a site that the ERP or a warehouse holds
-- Whether the record of the ERP is within its class's percentage of what the warehouse holds, at one moment and without
-- what is on its way. What only one side holds is not compared: `exclusion` says so.
-- refresh: full
with

trust as (
    select positions.node, min(feeds.as_of) as watermark_at, bool_or(feeds.state <> 'OK') as is_unknown
    from (select distinct node from canon_stock_levels) as positions
    inner join rec_feeds as feeds on feeds.node = '' or positions.node = feeds.node
    where
        (feeds.role = 'erp' and feeds.contract in ('stock_levels', 'shipment_lines'))
        or (feeds.role = 'wms' and feeds.contract in ('stock_levels', 'shipment_lines', 'stock_movements'))
    group by positions.node
),

compared as (
    select
        rec_stock_ledger.node,
        rec_stock_ledger.sku,
        coalesce(rec_stock_ledger.abc_class, '') as abc_class,
        rec_stock_ledger.residual_on_hand_qty as off_qty,
        rec_stock_ledger.wms_on_hand_qty - rec_stock_ledger.rolled_wms_qty as held_qty,
        case
            when rec_stock_ledger.abc_class = 'A' then $inv_01_tolerance_a_percent
            when rec_stock_ledger.abc_class = 'B' then $inv_01_tolerance_b_percent
            when rec_stock_ledger.abc_class = 'C' then $inv_01_tolerance_c_percent
            else $inv_01_tolerance_percent
        end as tolerance_percent,
        coalesce(trust.is_unknown, true) as is_unknown,
        trust.watermark_at
    from rec_stock_ledger
    left join trust on rec_stock_ledger.node = trust.node
),

one_sided as (
    select node, sku
    from canon_stock_levels
    where role in ('erp', 'wms')
    group by node, sku
    having count(distinct role) = 1
),

classes as (
    select sku, min(abc_class) as abc_class
    from canon_items
    where role = 'erp'
    group by sku
)

select
    node,
    sku,
    abc_class,
    '' as exclusion,
    is_unknown,
    cast(held_qty as decimal(18, 4)) as held_qty,
    cast(off_qty as decimal(18, 4)) as off_qty,
    cast(tolerance_percent as decimal(9, 4)) as tolerance_percent,
    abs(off_qty) * 100 <= abs(held_qty) * tolerance_percent as is_within,
    watermark_at
from compared
union all
select
    one_sided.node,
    one_sided.sku,
    coalesce(classes.abc_class, '') as abc_class,
    'ONE_SIDED' as exclusion,
    coalesce(trust.is_unknown, true) as is_unknown,
    cast(null as decimal(18, 4)) as held_qty,
    cast(null as decimal(18, 4)) as off_qty,
    cast(null as decimal(9, 4)) as tolerance_percent,
    false as is_within,
    trust.watermark_at
from one_sided
left join classes on one_sided.sku = classes.sku
left join trust on one_sided.node = trust.node
