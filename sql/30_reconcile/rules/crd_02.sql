-- rule: CRD-02
-- name: HOLD_LEAK
-- title: A site works on an order, or has shipped it, though finance holds it
-- grain: hold at a site
-- scope: order
-- severity: S1
-- owner: Credit
-- feeds: finance.holds, wms.holds, wms.releases, wms.shipment_lines
-- also: erp.order_lines
-- correction: hold.apply -> wms
-- class: G
-- source: domain book 2.7; Sterling blocked transactions
-- Until the goods leave, the cure is the hold at the site. What has left stays a leak until credit decides.
with

open_holds as (
    select hold_id, order_id, placed_at, snapshot_id
    from canon_holds
    where role = 'finance' and hold_type = 'CREDIT' and status = 'CREATED'
),

acts as (
    select
        releases.order_id,
        releases.node,
        'RELEASE' as act,
        coalesce(releases.acked_at, releases.released_at) as acted_at,
        releases.snapshot_id
    from canon_releases as releases
    semi join open_holds on releases.order_id = open_holds.order_id
    where releases.role = 'wms'
    union all
    select
        releases.order_id,
        releases.node,
        'PICK' as act,
        releases.picked_at as acted_at,
        releases.snapshot_id
    from canon_releases as releases
    semi join open_holds on releases.order_id = open_holds.order_id
    where releases.role = 'wms' and releases.picked_at is not null
    union all
    select
        legs.order_id,
        legs.node,
        'SHIPMENT' as act,
        legs.shipped_at as acted_at,
        legs.snapshot_id
    from canon_shipment_lines as legs
    semi join open_holds on legs.order_id = open_holds.order_id
    where legs.role = 'wms' and legs.shipped_qty > 0
),

site_holds as (
    select distinct order_id, node
    from canon_holds
    where role = 'wms' and status = 'CREATED'
),

late_acts as (
    select
        open_holds.hold_id,
        open_holds.order_id,
        acts.node,
        acts.act,
        min(acts.acted_at) as acted_at,
        max(open_holds.placed_at) as placed_at,
        max(open_holds.snapshot_id) as hold_snapshot_id,
        max(acts.snapshot_id) as act_snapshot_id
    from open_holds
    inner join acts on open_holds.order_id = acts.order_id and acts.acted_at >= open_holds.placed_at
    group by open_holds.hold_id, open_holds.order_id, acts.node, acts.act
),

leaks as (
    select
        hold_id,
        order_id,
        node,
        min(late_acts.acted_at) as acted_at,
        string_agg(late_acts.act, ', ' order by late_acts.act) as acts,
        count(*) filter (where late_acts.act = 'SHIPMENT') > 0 as has_left,
        max(late_acts.placed_at) as placed_at,
        max(late_acts.hold_snapshot_id) as hold_snapshot_id,
        max(late_acts.act_snapshot_id) as act_snapshot_id
    from late_acts
    group by hold_id, order_id, node
),

open_leaks as (
    select
        leaks.hold_id,
        leaks.order_id,
        leaks.node,
        leaks.acted_at,
        leaks.acts,
        leaks.has_left,
        leaks.placed_at,
        leaks.hold_snapshot_id,
        leaks.act_snapshot_id
    from leaks
    left join site_holds on leaks.order_id = site_holds.order_id and leaks.node = site_holds.node
    where leaks.has_left or site_holds.order_id is null
),

order_amounts as (
    select
        lines.order_id,
        sum((lines.ordered_qty - lines.cancelled_qty) * lines.unit_price) as order_amount,
        max(lines.currency) as currency
    from canon_order_lines as lines
    semi join open_leaks on lines.order_id = open_leaks.order_id
    where lines.role = 'erp'
    group by lines.order_id
)

select
    open_leaks.hold_id as business_key,
    open_leaks.node,
    open_leaks.order_id as scope_key,
    open_leaks.order_id,
    cast(null as bigint) as line_no,
    'nothing after ' || strftime(open_leaks.placed_at, '%Y-%m-%dT%H:%M:%SZ') as expected_value,
    open_leaks.acts as actual_value,
    cast(null as decimal(18, 4)) as delta_qty,
    cast(coalesce(order_amounts.order_amount, 0) as decimal(18, 2)) as value_at_risk_amount,
    coalesce(order_amounts.currency, 'XXX') as currency,
    open_leaks.acted_at as condition_since,
    open_leaks.acted_at as breaks_at,
    case when open_leaks.has_left then '' else 'hold.apply' end as message,
    case when open_leaks.has_left then '' else 'wms' end as target_role,
    to_json({
        'hold_id': open_leaks.hold_id,
        'order_id': open_leaks.order_id,
        'node': open_leaks.node,
        'hold_type': 'CREDIT',
        'reason': 'finance holds the order'
    }) as payload,
    to_json({'order_id': open_leaks.order_id}) as precondition,
    case when open_leaks.has_left then 'the goods have left' else '' end as judgement_reason,
    to_json({
        'hold': open_leaks.hold_snapshot_id,
        'site': open_leaks.act_snapshot_id,
        'acts': open_leaks.acts
    }) as evidence
from open_leaks
left join order_amounts on open_leaks.order_id = order_amounts.order_id
