-- grain: one row per node of a warehouse
-- When each side of a stock comparison was read, and the moment at which they are compared: the earliest at which any
-- of the feeds was read.
with

nodes as (
    select distinct node
    from canon_stock_levels
    where role = 'wms'
)

select
    nodes.node,
    max(case when feeds.role = 'erp' and feeds.contract = 'stock_levels' then feeds.as_of end) as erp_read_at,
    max(case when feeds.role = 'wms' and feeds.contract = 'stock_levels' then feeds.as_of end) as wms_read_at,
    min(feeds.as_of) as cut_at
from nodes
inner join rec_feeds as feeds on feeds.node = '' or nodes.node = feeds.node
where
    (feeds.role = 'erp' and feeds.contract in ('stock_levels', 'shipment_lines'))
    or (feeds.role = 'wms' and feeds.contract in ('stock_levels', 'shipment_lines', 'stock_movements'))
group by nodes.node
