-- grain: one row per age bucket and currency of lines that are not delivered, and one per bucket (currency null)
select
    age_bucket,
    currency,
    count(distinct order_id) as order_count,
    count(*) as line_count,
    count(*) filter (where verdict = 'UNKNOWN') as unknown_count,
    cast(sum(open_qty) as decimal(18, 4)) as open_qty,
    cast(sum(open_amount) as decimal(18, 2)) as open_amount,
    min(due_at) as oldest_due_at
from mart_open_lines
where
    age_bucket <> 'DELIVERED'
    and ($site = '' or coalesce(nullif(node, ''), 'NONE') = $site)
    and ($owner = '' or owner = $owner)
group by grouping sets ((age_bucket, currency), (age_bucket))
