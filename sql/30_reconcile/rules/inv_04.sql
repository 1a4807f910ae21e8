-- rule: INV-04
-- name: ORPHAN_RESERVATION
-- title: A site keeps stock aside for a line that needs none any more
-- grain: reservation
-- scope: order
-- severity: S3
-- owner: Inventory
-- feeds: erp.orders, erp.order_lines, wms.reservations, wms.shipment_lines
-- tolerance: inv_04_grace_modern_minutes, inv_04_grace_legacy_minutes
-- confirm: 2
-- correction: reservation.release -> wms
-- class: P
-- source: domain book 2.7: cancelled, closed, shipped or unknown line
-- What is set aside for no order is INV-02; another quantity for a line that is still open is INV-05.
with

reservations as (
    select reservation_id, node, sku, order_id, line_no, reserved_qty, reserved_at, snapshot_id
    from canon_reservations
    where role = 'wms' and order_id is not null and reserved_qty > 0
),

departures as (
    select order_id, line_no, sum(shipped_qty) as shipped_qty, max(shipped_at) as last_shipped_at
    from canon_shipment_lines
    where role = 'wms'
    group by order_id, line_no
),

lines as (
    select
        lines.order_id,
        lines.line_no,
        lines.ordered_qty - lines.cancelled_qty as wanted_qty,
        lines.unit_price,
        lines.currency,
        orders.status as order_status,
        lines.snapshot_id
    from canon_order_lines as lines
    left join canon_orders as orders on orders.role = 'erp' and lines.order_id = orders.order_id
    where lines.role = 'erp'
),

judged as (
    select
        reservations.reservation_id,
        reservations.node,
        reservations.sku,
        reservations.order_id,
        reservations.line_no,
        reservations.reserved_qty,
        reservations.snapshot_id,
        lines.snapshot_id as line_snapshot_id,
        coalesce(lines.unit_price, 0) as unit_price,
        coalesce(lines.currency, 'XXX') as currency,
        case
            when lines.order_id is null then 'unknown'
            when lines.order_status = 'CANCELLED' or lines.wanted_qty = 0 then 'cancelled'
            when departures.shipped_qty >= lines.wanted_qty then 'shipped'
            when lines.order_status = 'CLOSED' then 'closed'
            else 'open'
        end as line_state,
        departures.last_shipped_at,
        case
            when ref_nodes.site_class = 'legacy' then $inv_04_grace_legacy_minutes
            else $inv_04_grace_modern_minutes
        end as grace_minutes
    from reservations
    left join lines on reservations.order_id = lines.order_id and reservations.line_no = lines.line_no
    left join departures on reservations.order_id = departures.order_id and reservations.line_no = departures.line_no
    left join ref_nodes on reservations.node = ref_nodes.node
)

select
    reservation_id as business_key,
    node,
    order_id as scope_key,
    order_id,
    line_no,
    '0' as expected_value,
    cast(reserved_qty as varchar) as actual_value,
    cast(-reserved_qty as decimal(18, 4)) as delta_qty,
    cast(reserved_qty * unit_price as decimal(18, 2)) as value_at_risk_amount,
    currency,
    case when line_state = 'shipped' then last_shipped_at end as condition_since,
    case when line_state = 'shipped' then to_timestamp(epoch(last_shipped_at) + grace_minutes * 60) end as breaks_at,
    'reservation.release' as message,
    'wms' as target_role,
    to_json({
        'reservation_id': reservation_id,
        'node': node,
        'sku': sku,
        'order_id': order_id,
        'line_no': line_no,
        'reserved_qty': cast(reserved_qty as varchar)
    }) as payload,
    to_json({'reserved_qty': cast(reserved_qty as varchar)}) as precondition,
    case when line_state = 'unknown' then 'the ERP does not know the order line' else '' end as judgement_reason,
    to_json({'reservation': snapshot_id, 'order_line': line_snapshot_id, 'line_state': line_state}) as evidence
from judged
where line_state <> 'open'
