-- grain: one row per rule and node: how far the rule has seen, and whether its silence proves anything
-- The absence of a finding is a cure only where every feed of the comparison is trusted.
with

places as (
    select node
    from ref_nodes
    union all
    select '' as node
),

concerned_feeds as (
    select
        ref_rules.code,
        places.node,
        min(rec_feeds.as_of) as watermark_at,
        count(rec_feeds.system) as feed_count,
        count(*) filter (where rec_feeds.state <> 'OK') as untrusted_feeds
    from ref_rules
    cross join places
    left join ref_rule_feeds on ref_rules.code = ref_rule_feeds.code
    left join rec_feeds
        on ref_rule_feeds.role = rec_feeds.role
        and ref_rule_feeds.contract = rec_feeds.contract
        and (rec_feeds.node = '' or places.node = '' or rec_feeds.node = places.node)
    group by ref_rules.code, places.node
)

select
    code,
    node,
    coalesce(watermark_at, $now_at) as watermark_at,
    feed_count = 0 or untrusted_feeds = 0 as is_trustworthy
from concerned_feeds
