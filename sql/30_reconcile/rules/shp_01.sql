-- rule: SHP-01
-- name: SHIP_CONFIRM_MISSING
-- title: Left the warehouse, but the ERP has no confirmation
-- grain: shipment leg of an order line
-- scope: order
-- severity: S1
-- owner: Site
-- feeds: wms.shipment_lines, erp.shipment_lines
-- tolerance: shp_01_grace_modern_minutes, shp_01_grace_legacy_minutes
-- correction: ship.confirm -> erp
-- class: P
-- explains: shipped, billed
-- lag: ship.confirm
-- source: domain book 2.7; X12 945
with

departed as (
    select shipment_id, order_id, line_no, node, sku, shipped_qty, shipped_at, system, snapshot_id
    from canon_shipment_lines
    where role = 'wms' and shipped_qty > 0
),

confirmed as (
    select shipment_id, order_id, line_no
    from canon_shipment_lines
    where role = 'erp'
),

unconfirmed as (
    select
        departed.shipment_id,
        departed.order_id,
        departed.line_no,
        departed.node,
        departed.sku,
        departed.shipped_qty,
        departed.shipped_at,
        departed.system,
        departed.snapshot_id,
        lines.order_id is not null as order_is_known,
        coalesce(lines.unit_price, 0) as unit_price,
        coalesce(lines.currency, 'XXX') as currency,
        case
            when ref_nodes.site_class = 'legacy' then $shp_01_grace_legacy_minutes
            else $shp_01_grace_modern_minutes
        end as grace_minutes
    from departed
    left join confirmed
        on departed.shipment_id = confirmed.shipment_id
        and departed.order_id = confirmed.order_id
        and departed.line_no = confirmed.line_no
    left join canon_order_lines as lines
        on lines.role = 'erp' and departed.order_id = lines.order_id and departed.line_no = lines.line_no
    left join ref_nodes on departed.node = ref_nodes.node
    where confirmed.shipment_id is null
)

select
    shipment_id || '/' || order_id || '/' || line_no as business_key,
    node,
    order_id as scope_key,
    order_id,
    line_no,
    cast(shipped_qty as varchar) as expected_value,
    '0' as actual_value,
    shipped_qty as delta_qty,
    cast(shipped_qty * unit_price as decimal(18, 2)) as value_at_risk_amount,
    currency,
    shipped_at as condition_since,
    to_timestamp(epoch(shipped_at) + grace_minutes * 60) as breaks_at,
    'ship.confirm' as message,
    'erp' as target_role,
    to_json({
        'shipment_id': shipment_id,
        'order_id': order_id,
        'line_no': line_no,
        'node': node,
        'sku': sku,
        'shipped_qty': cast(shipped_qty as varchar),
        'shipped_at': strftime(shipped_at, '%Y-%m-%dT%H:%M:%SZ')
    }) as payload,
    to_json({'shipment_id': shipment_id}) as precondition,
    case when order_is_known then '' else 'the ERP does not know the order line' end as judgement_reason,
    to_json({'system': system, 'departed': snapshot_id, 'shipped_qty': cast(shipped_qty as varchar)}) as evidence
from unconfirmed
