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
-- explains: released
-- source: domain book 2.7; X12 940
with

open_lines as (
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
        orders.ordered_at
    from canon_order_lines as lines
    inner join canon_orders as orders on orders.role = 'erp' and lines.order_id = orders.order_id
    where
        lines.role = 'erp'
        and orders.status = 'OPEN'
        and lines.node is not null
        and lines.release_due_at is not null
        and lines.ordered_qty > lines.cancelled_qty
),

holds as (
    select
        order_id,
        count(*) filter (where status = 'CREATED') as active_count,
        max(resolved_at) as last_resolved_at
    from canon_holds
    where role in ('erp', 'finance')
    group by order_id
),

sent as (
    select
        order_id,
        line_no,
        min(release_id) as release_id,
        min(released_at) as released_at,
        max(snapshot_id) as snapshot_id
    from canon_releases
    where role = 'erp'
    group by order_id, line_no
),

taken_in as (
    select distinct order_id, line_no
    from canon_releases
    where role = 'wms'
),

stuck_lines as (
    select
        open_lines.order_id,
        open_lines.line_no,
        open_lines.node,
        open_lines.sku,
        open_lines.open_qty,
        open_lines.unit_price,
        open_lines.currency,
        open_lines.snapshot_id,
        sent.release_id,
        sent.released_at,
        sent.snapshot_id as sent_snapshot_id,
        coalesce(
            sent.released_at,
            greatest(
                open_lines.release_due_at,
                open_lines.ordered_at,
                coalesce(holds.last_resolved_at, open_lines.release_due_at)
            )
        ) as condition_since,
        case
            when sent.release_id is null then $whs_01_release_minutes
            when ref_nodes.site_class = 'legacy' then $whs_01_ack_legacy_minutes
            else $whs_01_ack_modern_minutes
        end as grace_minutes
    from open_lines
    left join holds on open_lines.order_id = holds.order_id
    left join sent on open_lines.order_id = sent.order_id and open_lines.line_no = sent.line_no
    left join taken_in on open_lines.order_id = taken_in.order_id and open_lines.line_no = taken_in.line_no
    left join ref_nodes on open_lines.node = ref_nodes.node
    where
        taken_in.order_id is null
        and coalesce(holds.active_count, 0) = 0
        and (sent.release_id is not null or open_lines.allocated_qty >= open_lines.open_qty)
)

select
    order_id || '/' || line_no as business_key,
    node,
    order_id as scope_key,
    order_id,
    line_no,
    cast(cast(open_qty as decimal(18, 4)) as varchar) as expected_value,
    '0' as actual_value,
    cast(open_qty as decimal(18, 4)) as delta_qty,
    cast(open_qty * unit_price as decimal(18, 2)) as value_at_risk_amount,
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
        'released_qty': cast(cast(open_qty as decimal(18, 4)) as varchar),
        'released_at': strftime(condition_since, '%Y-%m-%dT%H:%M:%SZ')
    }) as payload,
    to_json({'release_id': release_id}) as precondition,
    '' as judgement_reason,
    to_json({'order_line': snapshot_id, 'release': sent_snapshot_id, 'release_id': release_id}) as evidence
from stuck_lines
