-- grain: one row per site and per owner that open lines or orders name
select distinct 'site' as kind, node as name from mart_open_lines where node <> ''
union
select distinct 'site' as kind, node as name from mart_order_outcomes where node <> ''
union
select distinct 'owner' as kind, owner as name from mart_open_lines
order by kind, name
