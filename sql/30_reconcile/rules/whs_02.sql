-- rule: WHS-02
-- name: PICK_SHORT
-- title: A pick was closed with less than was released, and the ERP still counts on all of it
-- grain: order line
-- scope: order
-- severity: S2
-- owner: Site
-- feeds: wms.releases, erp.order_lines, erp.shipment_lines
-- also: wms.packs
-- tolerance: whs_02_grace_minutes
-- correction: line.backorder -> erp
-- class: P
-- source: domain book 2.7; HotWax reject reasons, X12 368 BP/CP/CS
-- What the customer cancelled meanwhile, and an approved substitute that was packed, is not missing. The difference is
-- over when the ERP no longer allocates the balance: it is backordered, cancelled or released once more.
with

short_releases as (
    select distinct order_id, line_no
    from canon_releases
    where role = 'wms' and pick_status = 'CLOSED' and picked_qty < released_qty
),

picks as (
    select
        releases.order_id,
        releases.line_no,
        min(releases.node) as node,
        min(releases.sku) as sku,
        sum(releases.released_qty) as released_qty,
        sum(releases.picked_qty) as picked_qty,
        max(releases.picked_at) as picked_at,
        max(coalesce(releases.acked_at, releases.released_at)) as taken_in_at,
        max(releases.snapshot_id) as snapshot_id
    from canon_releases as releases
    semi join short_releases
        on releases.order_id = short_releases.order_id and releases.line_no = short_releases.line_no
    where releases.role = 'wms'
    group by releases.order_id, releases.line_no
    having
        sum(case when coalesce(releases.pick_status, 'OPEN') = 'CLOSED' then 0 else 1 end) = 0
        and sum(releases.picked_qty) < sum(releases.released_qty)
),

lines as (
    select
        lines.order_id,
        lines.line_no,
        lines.sku,
        lines.substitute_sku,
        lines.ordered_qty - lines.cancelled_qty as wanted_qty,
        lines.allocated_qty,
        lines.unit_price,
        lines.currency,
        lines.snapshot_id
    from canon_order_lines as lines
    semi join picks on lines.order_id = picks.order_id and lines.line_no = picks.line_no
    where lines.role = 'erp'
),

substitutes as (
    select packs.order_id, packs.line_no, sum(packs.packed_qty) as packed_qty
    from canon_packs as packs
    inner join lines
        on packs.order_id = lines.order_id and packs.line_no = lines.line_no and packs.sku = lines.substitute_sku
    where packs.role = 'wms'
    group by packs.order_id, packs.line_no
),

confirmations as (
    select legs.order_id, legs.line_no, sum(legs.shipped_qty) as confirmed_qty
    from canon_shipment_lines as legs
    semi join picks on legs.order_id = picks.order_id and legs.line_no = picks.line_no
    where legs.role = 'erp'
    group by legs.order_id, legs.line_no
),

short_picks as (
    select
        picks.order_id,
        picks.line_no,
        picks.node,
        picks.sku,
        picks.released_qty,
        picks.picked_qty,
        coalesce(substitutes.packed_qty, 0) as substituted_qty,
        lines.allocated_qty,
        least(
            picks.released_qty,
            lines.wanted_qty,
            coalesce(lines.allocated_qty + coalesce(confirmations.confirmed_qty, 0), picks.released_qty)
        ) - picks.picked_qty - coalesce(substitutes.packed_qty, 0) as short_qty,
        coalesce(picks.picked_at, picks.taken_in_at) as condition_since,
        lines.unit_price,
        lines.currency,
        picks.snapshot_id,
        lines.snapshot_id as line_snapshot_id
    from picks
    inner join lines on picks.order_id = lines.order_id and picks.line_no = lines.line_no
    left join substitutes on picks.order_id = substitutes.order_id and picks.line_no = substitutes.line_no
    left join confirmations on picks.order_id = confirmations.order_id and picks.line_no = confirmations.line_no
)

select
    order_id || '/' || line_no as business_key,
    node,
    order_id as scope_key,
    order_id,
    line_no,
    cast(cast(picked_qty + substituted_qty + short_qty as decimal(18, 4)) as varchar) as expected_value,
    cast(cast(picked_qty + substituted_qty as decimal(18, 4)) as varchar) as actual_value,
    cast(short_qty as decimal(18, 4)) as delta_qty,
    cast(short_qty * unit_price as decimal(18, 2)) as value_at_risk_amount,
    currency,
    condition_since,
    to_timestamp(epoch(condition_since) + $whs_02_grace_minutes * 60) as breaks_at,
    -- An ERP that keeps no allocations has none to give back.
    case when allocated_qty is null then '' else 'line.backorder' end as message,
    case when allocated_qty is null then '' else 'erp' end as target_role,
    to_json({
        'order_id': order_id,
        'line_no': line_no,
        'node': node,
        'sku': sku,
        'backordered_qty': cast(cast(short_qty as decimal(18, 4)) as varchar),
        'allocated_qty': cast(cast(allocated_qty - short_qty as decimal(18, 4)) as varchar)
    }) as payload,
    to_json({'allocated_qty': cast(cast(allocated_qty as decimal(18, 4)) as varchar)}) as precondition,
    '' as judgement_reason,
    to_json({
        'release': snapshot_id,
        'order_line': line_snapshot_id,
        'released_qty': cast(cast(released_qty as decimal(18, 4)) as varchar),
        'substituted_qty': cast(cast(substituted_qty as decimal(18, 4)) as varchar)
    }) as evidence
from short_picks
where short_qty > 0
