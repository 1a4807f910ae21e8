-- rule: WHS-04
-- name: WRONG_ITEM
-- title: Packed was what nobody ordered, or what may not be shipped
-- grain: order line in a package
-- scope: order
-- severity: S1
-- owner: Site
-- feeds: wms.packs, erp.order_lines, wms.shipment_lines
-- correction: shipment.hold -> wms
-- class: G
-- source: domain book 2.7; GS1 CBV mismatch_class, mismatch_instance; X12 855 IS
-- A substitute that the customer approved is what was ordered. Whether goods that have left must come back is for a
-- person.
with

packed as (
    select pack_id, order_id, line_no, node, sku, packed_qty, lot, lot_status, expires_at, packed_at, snapshot_id
    from canon_packs
    where role = 'wms' and packed_qty > 0
),

judged as (
    select
        packed.pack_id,
        packed.order_id,
        packed.line_no,
        packed.node,
        packed.sku,
        packed.packed_qty,
        packed.lot,
        packed.packed_at,
        packed.snapshot_id,
        lines.sku as ordered_sku,
        lines.unit_price,
        lines.currency,
        lines.snapshot_id as line_snapshot_id,
        case
            when packed.sku is distinct from lines.sku and packed.sku is distinct from lines.substitute_sku
                then packed.sku || ' was not ordered'
            when packed.lot_status in ('RECALLED', 'BLOCKED')
                then 'the lot is ' || lower(packed.lot_status)
            when packed.expires_at <= packed.packed_at then 'the lot had expired'
        end as problem
    from packed
    inner join canon_order_lines as lines
        on lines.role = 'erp' and packed.order_id = lines.order_id and packed.line_no = lines.line_no
),

wrong_packs as (
    select
        pack_id,
        order_id,
        line_no,
        node,
        min(ordered_sku) as ordered_sku,
        min(sku) as packed_sku,
        min(lot) as lot,
        min(problem) as problem,
        sum(packed_qty) as packed_qty,
        max(unit_price) as unit_price,
        max(currency) as currency,
        min(packed_at) as packed_at,
        max(snapshot_id) as snapshot_id,
        max(line_snapshot_id) as line_snapshot_id
    from judged
    where problem is not null
    group by pack_id, order_id, line_no, node
),

packed_lines as (
    select order_id, line_no, sum(packed_qty) as packed_qty
    from packed
    group by order_id, line_no
),

departures as (
    select order_id, line_no, sum(shipped_qty) as departed_qty
    from canon_shipment_lines
    where role = 'wms'
    group by order_id, line_no
)

select
    wrong_packs.pack_id || '/' || wrong_packs.order_id || '/' || wrong_packs.line_no as business_key,
    wrong_packs.node,
    wrong_packs.order_id as scope_key,
    wrong_packs.order_id,
    wrong_packs.line_no,
    wrong_packs.ordered_sku as expected_value,
    wrong_packs.problem as actual_value,
    cast(wrong_packs.packed_qty as decimal(18, 4)) as delta_qty,
    cast(wrong_packs.packed_qty * wrong_packs.unit_price as decimal(18, 2)) as value_at_risk_amount,
    wrong_packs.currency,
    wrong_packs.packed_at as condition_since,
    wrong_packs.packed_at as breaks_at,
    'shipment.hold' as message,
    'wms' as target_role,
    to_json({
        'order_id': wrong_packs.order_id,
        'line_no': wrong_packs.line_no,
        'pack_id': wrong_packs.pack_id,
        'node': wrong_packs.node,
        'reason': wrong_packs.problem
    }) as payload,
    to_json({'pack_id': wrong_packs.pack_id}) as precondition,
    case when departures.departed_qty >= packed_lines.packed_qty then 'the goods have left' else '' end
        as judgement_reason,
    to_json({
        'pack': wrong_packs.snapshot_id,
        'order_line': wrong_packs.line_snapshot_id,
        'packed_sku': wrong_packs.packed_sku,
        'lot': wrong_packs.lot
    }) as evidence
from wrong_packs
left join packed_lines on wrong_packs.order_id = packed_lines.order_id and wrong_packs.line_no = packed_lines.line_no
left join departures on wrong_packs.order_id = departures.order_id and wrong_packs.line_no = departures.line_no
