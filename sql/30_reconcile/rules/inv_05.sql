-- rule: INV-05
-- name: ALLOCATION_DRIFT
-- title: A site has set another quantity aside than was released to it
-- grain: order line
-- scope: order
-- severity: S2
-- owner: Allocation
-- feeds: erp.order_lines, erp.releases, wms.releases, wms.reservations, wms.shipment_lines
-- tolerance: inv_05_grace_modern_minutes, inv_05_grace_legacy_minutes
-- correction: allocation.set -> wms
-- class: R
-- source: domain book 2.7
-- A release the site has not taken in is WHS-01, a pick that was closed short WHS-02, a line of which nothing is open
-- any more INV-04. Each departure uses a part of the reservation up, so that the time to compare begins anew with it.
-- Reservations for no order and line are INV-02. Whether enough is free, the site itself knows best: it refuses.
with

open_lines as (
    select
        order_id,
        line_no,
        node,
        sku,
        case when released_qty > 0 then released_qty else taken_in_qty end - shipped_qty as expected_qty,
        last_taken_in_at,
        unit_price,
        currency
    from rec_quantity_ledger
    where taken_in_qty > 0 and ordered_qty - cancelled_qty > shipped_qty
),

reservations as (
    select
        reserved.order_id,
        reserved.line_no,
        sum(case when reserved.node = open_lines.node then reserved.reserved_qty else 0 end) as reserved_qty,
        sum(case when reserved.node = open_lines.node then 0 else reserved.reserved_qty end) as elsewhere_qty
    from canon_reservations as reserved
    inner join open_lines on reserved.order_id = open_lines.order_id and reserved.line_no = open_lines.line_no
    where reserved.role = 'wms'
    group by reserved.order_id, reserved.line_no
),

compared as (
    select
        open_lines.order_id,
        open_lines.line_no,
        open_lines.node,
        open_lines.sku,
        open_lines.expected_qty,
        coalesce(reservations.reserved_qty, 0) as reserved_qty,
        coalesce(reservations.elsewhere_qty, 0) as elsewhere_qty,
        open_lines.last_taken_in_at,
        open_lines.unit_price,
        open_lines.currency
    from open_lines
    left join reservations on open_lines.order_id = reservations.order_id and open_lines.line_no = reservations.line_no
    where open_lines.expected_qty <> coalesce(reservations.reserved_qty, 0)
),

departures as (
    select legs.order_id, legs.line_no, max(legs.shipped_at) as last_shipped_at
    from canon_shipment_lines as legs
    semi join compared on legs.order_id = compared.order_id and legs.line_no = compared.line_no
    where legs.role = 'wms'
    group by legs.order_id, legs.line_no
),

taken_in as (
    select
        releases.order_id,
        releases.line_no,
        sum(case when releases.pick_status = 'CLOSED' and releases.picked_qty < releases.released_qty then 1 else 0 end)
            as short_picks,
        max(releases.snapshot_id) as snapshot_id
    from canon_releases as releases
    semi join compared on releases.order_id = compared.order_id and releases.line_no = compared.line_no
    where releases.role = 'wms'
    group by releases.order_id, releases.line_no
),

drifted as (
    select
        compared.order_id,
        compared.line_no,
        compared.node,
        compared.sku,
        compared.expected_qty,
        compared.reserved_qty,
        compared.elsewhere_qty,
        greatest(compared.last_taken_in_at, coalesce(departures.last_shipped_at, compared.last_taken_in_at))
            as condition_since,
        compared.unit_price,
        compared.currency,
        taken_in.snapshot_id,
        case
            when ref_nodes.site_class = 'legacy' then $inv_05_grace_legacy_minutes
            else $inv_05_grace_modern_minutes
        end as grace_minutes
    from compared
    inner join taken_in on compared.order_id = taken_in.order_id and compared.line_no = taken_in.line_no
    left join departures on compared.order_id = departures.order_id and compared.line_no = departures.line_no
    left join ref_nodes on compared.node = ref_nodes.node
    where taken_in.short_picks = 0
)

select
    order_id || '/' || line_no as business_key,
    node,
    order_id as scope_key,
    order_id,
    line_no,
    cast(cast(expected_qty as decimal(18, 4)) as varchar) as expected_value,
    cast(cast(reserved_qty as decimal(18, 4)) as varchar) as actual_value,
    cast(expected_qty - reserved_qty as decimal(18, 4)) as delta_qty,
    cast(abs(expected_qty - reserved_qty) * unit_price as decimal(18, 2)) as value_at_risk_amount,
    currency,
    condition_since,
    to_timestamp(epoch(condition_since) + grace_minutes * 60) as breaks_at,
    'allocation.set' as message,
    'wms' as target_role,
    to_json({
        'order_id': order_id,
        'line_no': line_no,
        'node': node,
        'sku': sku,
        'uom': 'EA',
        'reserved_qty': cast(cast(expected_qty as decimal(18, 4)) as varchar)
    }) as payload,
    to_json({'reserved_qty': cast(cast(reserved_qty as decimal(18, 4)) as varchar)}) as precondition,
    case
        when elsewhere_qty > 0 then 'the stock is set aside at another site'
        when reserved_qty > expected_qty then 'more is set aside than was released'
        else ''
    end as judgement_reason,
    to_json({
        'release': snapshot_id,
        'elsewhere_qty': cast(cast(elsewhere_qty as decimal(18, 4)) as varchar)
    }) as evidence
from drifted
