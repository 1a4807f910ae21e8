-- rule: CRD-03
-- name: HOLD_STALE
-- title: Finance has resolved the hold, but another system still blocks
-- grain: hold in one system
-- scope: order
-- severity: S2
-- owner: Integration
-- feeds: finance.holds, erp.holds, wms.holds
-- tolerance: crd_03_grace_modern_minutes, crd_03_grace_legacy_minutes
-- correction: hold.resolve -> erp, hold.resolve -> wms
-- class: P
-- lag: hold.publish
-- source: domain book 2.7
with

resolved_holds as (
    select hold_id, order_id, resolved_at, snapshot_id
    from canon_holds
    where role = 'finance' and status = 'RESOLVED'
),

active_holds as (
    select hold_id, order_id, role, system, node, snapshot_id
    from canon_holds
    where role in ('erp', 'wms') and hold_type = 'CREDIT' and status = 'CREATED'
),

order_values as (
    select
        order_id,
        sum((ordered_qty - cancelled_qty) * unit_price) as order_amount,
        max(currency) as currency
    from canon_order_lines
    where role = 'erp'
    group by order_id
),

stale_holds as (
    select
        active_holds.hold_id,
        active_holds.order_id,
        active_holds.role,
        active_holds.system,
        active_holds.node,
        active_holds.snapshot_id as stale_snapshot_id,
        resolved_holds.resolved_at,
        resolved_holds.snapshot_id as resolved_snapshot_id,
        coalesce(order_values.order_amount, 0) as order_amount,
        coalesce(order_values.currency, 'XXX') as currency,
        case
            when ref_nodes.site_class = 'legacy' then $crd_03_grace_legacy_minutes
            else $crd_03_grace_modern_minutes
        end as grace_minutes
    from active_holds
    inner join resolved_holds on active_holds.hold_id = resolved_holds.hold_id
    left join order_values on active_holds.order_id = order_values.order_id
    left join ref_nodes on active_holds.node = ref_nodes.node
)

select
    hold_id as business_key,
    node,
    order_id as scope_key,
    order_id,
    cast(null as bigint) as line_no,
    'RESOLVED' as expected_value,
    'CREATED' as actual_value,
    cast(null as decimal(18, 4)) as delta_qty,
    cast(order_amount as decimal(18, 2)) as value_at_risk_amount,
    currency,
    resolved_at as condition_since,
    to_timestamp(epoch(resolved_at) + grace_minutes * 60) as breaks_at,
    'hold.resolve' as message,
    role as target_role,
    to_json({
        'hold_id': hold_id,
        'order_id': order_id,
        'resolved_at': strftime(resolved_at, '%Y-%m-%dT%H:%M:%SZ')
    }) as payload,
    to_json({'status': 'CREATED', 'active': true}) as precondition,
    '' as judgement_reason,
    to_json({'system': system, 'stale': stale_snapshot_id, 'resolved': resolved_snapshot_id}) as evidence
from stale_holds
