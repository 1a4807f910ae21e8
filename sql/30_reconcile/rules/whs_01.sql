-- rule: WHS-01
-- name: RELEASE_STUCK
-- title: Ready to be worked on, but the warehouse does not have it
-- grain: order line
-- scope: order
-- severity: S2
-- owner: Site
-- feeds: erp.orders, erp.order_lines, erp.releases, erp.holds, wms.releases
-- tolerance: whs_01_release_minutes, whs_01_ack_modern_minutes, whs_01_ack_legacy_minutes
-- correction: release.send -> wms
-- class: R
-- planned: yes
-- explains: released
-- source: domain book 2.7; X12 940
-- A release that was sent must be taken in whatever has become of the order since; whether to send it again then is
-- for a person.
with

lines as (
    select
        lines.order_id,
        lines.line_no,
        lines.node,
        lines.sku,
        lines.ordered_qty - lines.cancelled_qty as open_qty,
        lines.allocated_qty,
        lines.release_due_at,
        lines.unit_price,
        lines.currency,
        lines.snapshot_id,
        orders.ordered_at,
        orders.status = 'OPEN' and lines.ordered_qty > lines.cancelled_qty as is_open
    from canon_order_lines as lines
    inner join canon_orders as orders on orders.role = 'erp' and lines.order_id = orders.order_id
    where lines.role = 'erp' and lines.node is not null
),

holds as (
    select
        order_id,
        count(*) filter (where status = 'CREATED') > 0 as is_held,
        max(resolved_at) as last_resolved_at
    from canon_holds
    where role in ('erp', 'finance')
    group by order_id
),

sent as (
    select release_id, order_id, line_no, released_qty, released_at, snapshot_id
    from canon_releases
    where role = 'erp'
),

taken_in as (
    select release_id, order_id, line_no
    from canon_releases
    where role = 'wms'
),

unanswered as (
    select
        sent.order_id,
        sent.line_no,
        min(sent.release_id) as release_id,
        min_by(sent.released_qty, sent.release_id) as released_qty,
        min(sent.released_at) as released_at,
        max(sent.snapshot_id) as snapshot_id
    from sent
    anti join taken_in
        on sent.release_id = taken_in.release_id
        and sent.order_id = taken_in.order_id
        and sent.line_no = taken_in.line_no
    where sent.released_qty > 0
    group by sent.order_id, sent.line_no
),

unsent as (
    select lines.order_id, lines.line_no
    from lines
    anti join sent on lines.order_id = sent.order_id and lines.line_no = sent.line_no
    anti join taken_in on lines.order_id = taken_in.order_id and lines.line_no = taken_in.line_no
    left join holds on lines.order_id = holds.order_id
    where
        lines.is_open
        and lines.release_due_at is not null
        and lines.allocated_qty >= lines.open_qty
        and not coalesce(holds.is_held, false)
),

stuck_lines as (
    select
        lines.order_id,
        lines.line_no,
        lines.node,
        lines.sku,
        lines.is_open,
        coalesce(holds.is_held, false) as is_held,
        coalesce(unanswered.released_qty, lines.open_qty) as stuck_qty,
        lines.unit_price,
        lines.currency,
        lines.snapshot_id,
        unanswered.release_id,
        unanswered.snapshot_id as sent_snapshot_id,
        coalesce(
            unanswered.released_at,
            greatest(
                lines.release_due_at,
                lines.ordered_at,
                coalesce(holds.last_resolved_at, lines.release_due_at)
            )
        ) as condition_since,
        case
            when unanswered.release_id is null then $whs_01_release_minutes
            when ref_nodes.site_class = 'legacy' then $whs_01_ack_legacy_minutes
            else $whs_01_ack_modern_minutes
        end as grace_minutes
    from lines
    left join unanswered on lines.order_id = unanswered.order_id and lines.line_no = unanswered.line_no
    left join unsent on lines.order_id = unsent.order_id and lines.line_no = unsent.line_no
    left join holds on lines.order_id = holds.order_id
    left join ref_nodes on lines.node = ref_nodes.node
    where unanswered.order_id is not null or unsent.order_id is not null
)

select
    order_id || '/' || line_no as business_key,
    node,
    order_id as scope_key,
    order_id,
    line_no,
    cast(cast(stuck_qty as decimal(18, 4)) as varchar) as expected_value,
    '0' as actual_value,
    cast(stuck_qty as decimal(18, 4)) as delta_qty,
    cast(stuck_qty * unit_price as decimal(18, 2)) as value_at_risk_amount,
    currency,
    condition_since,
    to_timestamp(epoch(condition_since) + grace_minutes * 60) as breaks_at,
    'release.send' as message,
    'wms' as target_role,
    to_json({
        'release_id': coalesce(release_id, 'RL-' || order_id || '-' || line_no),
        'order_id': order_id,
        'line_no': line_no,
        'sku': sku,
        'uom': 'EA',
        'released_qty': cast(cast(stuck_qty as decimal(18, 4)) as varchar),
        'released_at': strftime(condition_since, '%Y-%m-%dT%H:%M:%SZ')
    }) as payload,
    to_json({'release_id': release_id}) as precondition,
    case
        when not is_open then 'nothing of the line is open any more'
        when is_held then 'the order is on hold'
        else ''
    end as judgement_reason,
    to_json({'order_line': snapshot_id, 'release': sent_snapshot_id, 'release_id': release_id}) as evidence
from stuck_lines
