-- grain: one row per pair of events and node whose lag can be seen in what the systems say
-- How long it takes until one system follows another when nothing is wrong, in seconds: learned from everything that
-- did follow within the window, so that what never follows does not count. `default_seconds` is what the rule book
-- grants, where that is plain time; `late_count` is how much of what did follow took longer.
-- A full run learns; an incremental run judges by what the last full run has learned.
-- refresh: full
with

order_intakes as (
    select
        'order.intake' as pair,
        '' as node,
        placed.ordered_at as began_at,
        booked.ordered_at as followed_at
    from canon_orders as placed
    inner join canon_orders as booked
        on booked.role = 'erp' and placed.order_id = booked.channel_order_id
    where placed.role = 'channel'
),

release_acks as (
    select
        'release.ack' as pair,
        node,
        released_at as began_at,
        acked_at as followed_at
    from canon_releases
    where role = 'wms'
),

ship_confirmations as (
    select
        'ship.confirm' as pair,
        departed.node,
        departed.shipped_at as began_at,
        confirmed.confirmed_at as followed_at
    from canon_shipment_lines as departed
    inner join canon_shipment_lines as confirmed
        on confirmed.role = 'erp'
        and departed.shipment_id = confirmed.shipment_id
        and departed.order_id = confirmed.order_id
        and departed.line_no = confirmed.line_no
    where departed.role = 'wms'
),

first_invoices as (
    select shipment_id, order_id, line_no, min(posted_at) as posted_at
    from rec_billed_lines
    where document_type = 'INVOICE' and status <> 'VOID'
    group by shipment_id, order_id, line_no
),

invoice_postings as (
    select
        'invoice.post' as pair,
        confirmed.node,
        confirmed.confirmed_at as began_at,
        first_invoices.posted_at as followed_at
    from canon_shipment_lines as confirmed
    inner join first_invoices
        on confirmed.shipment_id = first_invoices.shipment_id
        and confirmed.order_id = first_invoices.order_id
        and confirmed.line_no = first_invoices.line_no
    where confirmed.role = 'erp'
),

hold_publications as (
    select
        'hold.publish' as pair,
        published.node,
        decided.resolved_at as began_at,
        published.resolved_at as followed_at
    from canon_holds as decided
    inner join canon_holds as published
        on decided.hold_id = published.hold_id and published.role in ('erp', 'wms')
    where decided.role = 'finance'
),

pairs as (
    select pair, node, began_at, followed_at from order_intakes
    union all
    select pair, node, began_at, followed_at from release_acks
    union all
    select pair, node, began_at, followed_at from ship_confirmations
    union all
    select pair, node, began_at, followed_at from invoice_postings
    union all
    select pair, node, began_at, followed_at from hold_publications
),

newest as (
    select max(as_of) as read_at
    from rec_feeds
),

-- A pair that always follows in the same instant has been booked with the other's time: it shows no lag.
lags as (
    select pairs.pair, pairs.node, epoch(pairs.followed_at) - epoch(pairs.began_at) as lag_seconds
    from pairs
    cross join newest
    cross join ref_timing
    where
        pairs.followed_at > pairs.began_at
        and epoch(newest.read_at) - epoch(pairs.began_at) <= ref_timing.window_days * 86400
),

granted as (
    select 'order.intake' as pair, '' as node, $int_03_grace_minutes * 60 as default_seconds
    union all
    select
        'release.ack' as pair, node,
        case when site_class = 'legacy' then $whs_01_ack_legacy_minutes else $whs_01_ack_modern_minutes end * 60
    from ref_nodes
    union all
    select
        'ship.confirm' as pair, node,
        case when site_class = 'legacy' then $shp_01_grace_legacy_minutes else $shp_01_grace_modern_minutes end * 60
    from ref_nodes
    union all
    select
        'hold.publish' as pair, node,
        case when site_class = 'legacy' then $crd_03_grace_legacy_minutes else $crd_03_grace_modern_minutes end * 60
    from ref_nodes
    union all
    select 'hold.publish' as pair, '' as node, $crd_03_grace_modern_minutes * 60 as default_seconds
)

select
    lags.pair,
    lags.node,
    count(*) as sample_count,
    cast(round(quantile_cont(lags.lag_seconds, 0.5)) as bigint) as p50_seconds,
    cast(round(quantile_cont(lags.lag_seconds, 0.95)) as bigint) as p95_seconds,
    cast(round(quantile_cont(lags.lag_seconds, 0.99)) as bigint) as p99_seconds,
    cast(round(max(lags.lag_seconds)) as bigint) as longest_seconds,
    cast(round(max(granted.default_seconds)) as bigint) as default_seconds,
    count(*) filter (where lags.lag_seconds > granted.default_seconds) as late_count
from lags
left join granted on lags.pair = granted.pair and lags.node = granted.node
group by lags.pair, lags.node
