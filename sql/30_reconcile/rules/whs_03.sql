-- rule: WHS-03
-- name: MILESTONE_GAP
-- title: A milestone is missing, later than the one that follows it, or too long in coming
-- grain: order line at a site, or pair of milestones of an order
-- scope: order
-- severity: S3
-- owner: Site
-- feeds: channel.orders, carrier.milestones | wms.releases, wms.shipment_lines, erp.order_lines
-- also: erp.holds, finance.holds, wms.holds
-- tolerance: whs_03_grace_minutes, whs_03_dwell_modern_hours, whs_03_dwell_legacy_hours
-- correction: event.request -> wms
-- class: R
-- planned: yes
-- follows: WHS-04, CRD-02
-- source: domain book 2.7; GS1 CBV completeness_inferred
-- Two logs are read: milestones of whole orders as a carrier tells them, and what a site notes of each order line. A
-- line's log is judged when all of it has left, since a site picks and ships in steps. The time that goods wait is
-- counted in the site's business time from the pick, the last departure or the end of the last hold, while they wait.
with

order_milestones as (
    select
        order_id,
        max(occurred_at) filter (where milestone = 'PURCHASED') as purchased_at,
        max(occurred_at) filter (where milestone = 'APPROVED') as approved_at,
        max(occurred_at) filter (where milestone = 'HANDED_OVER') as handed_over_at,
        max(occurred_at) filter (where milestone = 'DELIVERED') as delivered_at,
        max(snapshot_id) as snapshot_id
    from canon_milestones
    where role = 'carrier'
    group by order_id
),

closed_orders as (
    select order_id
    from canon_orders
    where role = 'channel' and status = 'CLOSED'
),

order_gaps as (
    select
        closed_orders.order_id,
        'CLOSED without DELIVERED' as gap,
        coalesce(
            order_milestones.handed_over_at, order_milestones.approved_at, order_milestones.purchased_at
        ) as condition_since,
        order_milestones.snapshot_id
    from closed_orders
    left join order_milestones on closed_orders.order_id = order_milestones.order_id
    where order_milestones.delivered_at is null
    union all
    select
        order_id,
        'DELIVERED without HANDED_OVER' as gap,
        delivered_at as condition_since,
        snapshot_id
    from order_milestones
    where delivered_at is not null and handed_over_at is null
    union all
    select
        order_id,
        'HANDED_OVER without APPROVED' as gap,
        handed_over_at as condition_since,
        snapshot_id
    from order_milestones
    where handed_over_at is not null and approved_at is null
    union all
    select
        order_id,
        'DELIVERED before HANDED_OVER' as gap,
        delivered_at as condition_since,
        snapshot_id
    from order_milestones
    where delivered_at < handed_over_at
    union all
    select
        order_id,
        'HANDED_OVER before APPROVED' as gap,
        handed_over_at as condition_since,
        snapshot_id
    from order_milestones
    where handed_over_at < approved_at
    union all
    select
        order_id,
        'APPROVED before PURCHASED' as gap,
        approved_at as condition_since,
        snapshot_id
    from order_milestones
    where approved_at < purchased_at
),

suspect_lines as (
    select releases.order_id, releases.line_no
    from canon_releases as releases
    left join rec_quantity_ledger as ledger
        on releases.order_id = ledger.order_id and releases.line_no = ledger.line_no
    where
        releases.role = 'wms'
        and (
            releases.picked_at is null
            or releases.picked_qty = 0
            or releases.picked_qty > ledger.shipped_qty
            or releases.picked_at < coalesce(releases.acked_at, releases.released_at)
            or releases.packed_at < releases.picked_at
        )
    union
    select legs.order_id, legs.line_no
    from canon_shipment_lines as legs
    inner join canon_releases as releases
        on legs.order_id = releases.order_id and legs.line_no = releases.line_no
    where
        legs.role = 'wms'
        and releases.role = 'wms'
        and (legs.shipped_at < releases.picked_at or legs.shipped_at < releases.packed_at)
),

picks as (
    select
        releases.order_id,
        releases.line_no,
        min(releases.node) as node,
        min(releases.sku) as sku,
        sum(releases.released_qty) as released_qty,
        sum(coalesce(releases.picked_qty, 0)) as picked_qty,
        sum(case when releases.picked_qty is null then 1 else 0 end) as untold_picks,
        sum(case when releases.pick_status is null then 1 else 0 end) as untold_states,
        sum(case when releases.pick_status = 'OPEN' then 1 else 0 end) as open_picks,
        min(coalesce(releases.acked_at, releases.released_at)) as taken_in_at,
        max(releases.picked_at) as picked_at,
        max(releases.packed_at) as packed_at,
        max(releases.snapshot_id) as snapshot_id
    from canon_releases as releases
    semi join suspect_lines
        on releases.order_id = suspect_lines.order_id and releases.line_no = suspect_lines.line_no
    where releases.role = 'wms'
    group by releases.order_id, releases.line_no
),

departures as (
    select
        legs.order_id,
        legs.line_no,
        sum(legs.shipped_qty) as departed_qty,
        min(legs.shipped_at) as first_departed_at,
        max(legs.shipped_at) as last_departed_at
    from canon_shipment_lines as legs
    semi join suspect_lines on legs.order_id = suspect_lines.order_id and legs.line_no = suspect_lines.line_no
    where legs.role = 'wms' and legs.shipped_qty > 0
    group by legs.order_id, legs.line_no
),

line_milestones as (
    select
        picks.order_id,
        picks.line_no,
        picks.node,
        picks.sku,
        picks.released_qty,
        picks.picked_qty,
        picks.untold_picks,
        picks.untold_states,
        picks.taken_in_at,
        picks.picked_at,
        picks.packed_at,
        picks.snapshot_id,
        coalesce(departures.departed_qty, 0) as departed_qty,
        departures.first_departed_at,
        departures.last_departed_at,
        coalesce(
            departures.departed_qty >= picks.released_qty
            or (picks.open_picks = 0 and picks.picked_qty > 0 and departures.departed_qty >= picks.picked_qty),
            false
        ) as is_gone
    from picks
    left join departures on picks.order_id = departures.order_id and picks.line_no = departures.line_no
),

line_gaps as (
    select
        order_id,
        line_no,
        node,
        sku,
        departed_qty as gap_qty,
        case
            when departed_qty > 0 and untold_picks = 0 and picked_qty = 0 then 'DEPARTED without PICKED'
            when is_gone and untold_states = 0 and picked_at is null then 'DEPARTED without PICKED'
            when picked_at < taken_in_at then 'PICKED before TAKEN_IN'
            when is_gone and packed_at < picked_at then 'PACKED before PICKED'
            when is_gone and last_departed_at < picked_at then 'DEPARTED before PICKED'
            when is_gone and last_departed_at < packed_at then 'DEPARTED before PACKED'
        end as gap,
        coalesce(first_departed_at, picked_at) as condition_since,
        snapshot_id
    from line_milestones
),

holds as (
    select
        order_id,
        sum(case when status = 'CREATED' then 1 else 0 end) as active_holds,
        max(resolved_at) as last_resolved_at
    from canon_holds
    where role in ('erp', 'finance', 'wms')
    group by order_id
),

lying_lines as (
    select
        milestones.order_id,
        milestones.line_no,
        milestones.node,
        milestones.sku,
        least(milestones.picked_qty, lines.ordered_qty - lines.cancelled_qty) - milestones.departed_qty as gap_qty,
        greatest(
            milestones.picked_at,
            coalesce(milestones.last_departed_at, milestones.picked_at),
            coalesce(holds.last_resolved_at, milestones.picked_at)
        ) as waits_since,
        coalesce(ref_nodes.calendar, 'default') as calendar,
        case
            when ref_nodes.site_class = 'legacy' then $whs_03_dwell_legacy_hours
            else $whs_03_dwell_modern_hours
        end as dwell_hours,
        milestones.snapshot_id
    from line_milestones as milestones
    inner join canon_order_lines as lines
        on lines.role = 'erp' and milestones.order_id = lines.order_id and milestones.line_no = lines.line_no
    left join holds on milestones.order_id = holds.order_id
    left join ref_nodes on milestones.node = ref_nodes.node
    where
        milestones.picked_at is not null
        and least(milestones.picked_qty, lines.ordered_qty - lines.cancelled_qty) > milestones.departed_qty
        and coalesce(holds.active_holds, 0) = 0
),

deadlines as (
    select
        lying_lines.order_id,
        lying_lines.line_no,
        lying_lines.calendar,
        begun.open_seconds_before
        + least(
            greatest(epoch(lying_lines.waits_since) - epoch(begun.opens_at), 0),
            epoch(begun.closes_at) - epoch(begun.opens_at)
        )
        + lying_lines.dwell_hours * 3600 as open_seconds_due
    from lying_lines
    inner join ref_business_days as begun
        on lying_lines.calendar = begun.calendar
        and lying_lines.waits_since >= begun.starts_at
        and lying_lines.waits_since < begun.ends_at
),

due_times as (
    select
        deadlines.order_id,
        deadlines.line_no,
        to_timestamp(epoch(due.opens_at) + deadlines.open_seconds_due - due.open_seconds_before) as due_at
    from deadlines
    inner join ref_business_days as due
        on deadlines.calendar = due.calendar
        and deadlines.open_seconds_due > due.open_seconds_before
        and deadlines.open_seconds_due
        <= due.open_seconds_before + epoch(due.closes_at) - epoch(due.opens_at)
),

gaps as (
    select
        order_id || '/' || gap as business_key,
        '' as node,
        order_id,
        cast(null as bigint) as line_no,
        cast(null as varchar) as sku,
        cast(null as decimal(18, 4)) as gap_qty,
        gap,
        condition_since,
        condition_since as breaks_at,
        'milestones in order' as expected_value,
        'a milestone is never invented' as judgement_reason,
        snapshot_id
    from order_gaps
    union all
    select
        order_id || '/' || line_no as business_key,
        node,
        order_id,
        line_no,
        sku,
        cast(gap_qty as decimal(18, 4)) as gap_qty,
        gap,
        condition_since,
        to_timestamp(epoch(condition_since) + $whs_03_grace_minutes * 60) as breaks_at,
        'milestones in order' as expected_value,
        case when gap = 'DEPARTED without PICKED' then '' else 'a milestone is never invented' end as judgement_reason,
        snapshot_id
    from line_gaps
    where gap is not null
    union all
    select
        lying_lines.order_id || '/' || lying_lines.line_no as business_key,
        lying_lines.node,
        lying_lines.order_id,
        lying_lines.line_no,
        lying_lines.sku,
        cast(lying_lines.gap_qty as decimal(18, 4)) as gap_qty,
        'PICKED and still here' as gap,
        coalesce(due_times.due_at, lying_lines.waits_since) as condition_since,
        coalesce(due_times.due_at, lying_lines.waits_since) as breaks_at,
        'departed within ' || cast(cast(lying_lines.dwell_hours as bigint) as varchar) || ' business hours'
            as expected_value,
        'why the goods wait is for a person' as judgement_reason,
        lying_lines.snapshot_id
    from lying_lines
    inner join line_gaps on lying_lines.order_id = line_gaps.order_id and lying_lines.line_no = line_gaps.line_no
    left join due_times on lying_lines.order_id = due_times.order_id and lying_lines.line_no = due_times.line_no
    where line_gaps.gap is null
)

select
    gaps.business_key,
    gaps.node,
    gaps.order_id as scope_key,
    gaps.order_id,
    gaps.line_no,
    gaps.expected_value,
    gaps.gap as actual_value,
    cast(null as decimal(18, 4)) as delta_qty,
    cast(coalesce(gaps.gap_qty * lines.unit_price, 0) as decimal(18, 2)) as value_at_risk_amount,
    coalesce(lines.currency, 'XXX') as currency,
    gaps.condition_since,
    gaps.breaks_at,
    case when gaps.judgement_reason = '' then 'event.request' else '' end as message,
    case when gaps.judgement_reason = '' then 'wms' else '' end as target_role,
    to_json({
        'order_id': gaps.order_id, 'line_no': gaps.line_no, 'node': gaps.node, 'sku': gaps.sku, 'gap': gaps.gap
    }) as payload,
    to_json({'gap': gaps.gap}) as precondition,
    gaps.judgement_reason,
    to_json({'milestones': gaps.snapshot_id, 'gap': gaps.gap}) as evidence
from gaps
left join canon_order_lines as lines
    on lines.role = 'erp' and gaps.order_id = lines.order_id and gaps.line_no = lines.line_no
