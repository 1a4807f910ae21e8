-- rule: SHP-02
-- name: SHIP_QTY_MISMATCH
-- title: The ERP confirmed, or the ship notice announced, another quantity than left the warehouse
-- grain: shipment leg of an order line
-- scope: order
-- severity: S2
-- owner: Site
-- feeds: wms.shipment_lines, erp.shipment_lines, finance.invoice_lines
-- also: channel.shipment_lines, wms.releases
-- tolerance: shp_02_asn_grace_minutes
-- correction: ship.amend -> erp
-- class: P
-- explains: shipped, billed
-- source: domain book 2.7; GS1 CBV mismatch_quantity
-- A leg that no warehouse has is SHP-06. The notice of a line that was picked short is corrected with WHS-02. Once the
-- notice of a leg is sent it is S1.
with

short_lines as (
    select distinct order_id, line_no
    from canon_releases
    where role = 'wms' and pick_status = 'CLOSED' and picked_qty < released_qty
),

announced_legs as (
    select notices.shipment_id, notices.order_id, notices.line_no, notices.shipped_qty, notices.snapshot_id
    from canon_shipment_lines as notices
    anti join short_lines on notices.order_id = short_lines.order_id and notices.line_no = short_lines.line_no
    where notices.role = 'channel'
),

compared_legs as (
    select
        departed.shipment_id,
        departed.order_id,
        departed.line_no,
        departed.node,
        departed.shipped_qty as departed_qty,
        confirmed.shipped_qty as confirmed_qty,
        announced.shipped_qty as announced_qty,
        departed.shipped_qty <> coalesce(confirmed.shipped_qty, departed.shipped_qty) as is_misconfirmed,
        case
            when departed.shipped_qty <> confirmed.shipped_qty
                then coalesce(confirmed.confirmed_at, confirmed.shipped_at)
            else departed.shipped_at
        end as condition_since,
        departed.snapshot_id as departed_snapshot_id,
        confirmed.snapshot_id as confirmed_snapshot_id,
        announced.snapshot_id as announced_snapshot_id
    from canon_shipment_lines as departed
    left join canon_shipment_lines as confirmed
        on confirmed.role = 'erp'
        and departed.shipment_id = confirmed.shipment_id
        and departed.order_id = confirmed.order_id
        and departed.line_no = confirmed.line_no
    left join announced_legs as announced
        on departed.shipment_id = announced.shipment_id
        and departed.order_id = announced.order_id
        and departed.line_no = announced.line_no
    where
        departed.role = 'wms'
        and (departed.shipped_qty <> confirmed.shipped_qty or departed.shipped_qty <> announced.shipped_qty)
),

-- Few lines have a leg that differs: only what bills them is looked at closer.
posted_documents as (
    select documents.shipment_id, documents.order_id, documents.line_no
    from canon_invoice_lines as documents
    semi join compared_legs
        on documents.order_id = compared_legs.order_id and documents.line_no = compared_legs.line_no
    where
        documents.role = 'finance'
        and documents.document_type = 'INVOICE'
        and documents.status in ('POSTED', 'TRANSMITTED')
),

billed_legs as (
    select distinct shipment_id, order_id, line_no
    from posted_documents
    where shipment_id is not null
),

wholly_billed_lines as (
    select distinct order_id, line_no
    from posted_documents
    where shipment_id is null
),

mismatched_legs as (
    select
        compared_legs.shipment_id,
        compared_legs.order_id,
        compared_legs.line_no,
        compared_legs.node,
        compared_legs.departed_qty,
        compared_legs.confirmed_qty,
        compared_legs.announced_qty,
        compared_legs.is_misconfirmed,
        compared_legs.condition_since,
        compared_legs.departed_snapshot_id,
        compared_legs.confirmed_snapshot_id,
        compared_legs.announced_snapshot_id,
        billed_legs.shipment_id is not null or wholly_billed_lines.order_id is not null as is_billed,
        coalesce(lines.unit_price, 0) as unit_price,
        coalesce(lines.currency, 'XXX') as currency
    from compared_legs
    left join billed_legs
        on compared_legs.shipment_id = billed_legs.shipment_id
        and compared_legs.order_id = billed_legs.order_id
        and compared_legs.line_no = billed_legs.line_no
    left join wholly_billed_lines
        on compared_legs.order_id = wholly_billed_lines.order_id
        and compared_legs.line_no = wholly_billed_lines.line_no
    left join canon_order_lines as lines
        on lines.role = 'erp'
        and compared_legs.order_id = lines.order_id
        and compared_legs.line_no = lines.line_no
)

select
    shipment_id || '/' || order_id || '/' || line_no as business_key,
    node,
    order_id as scope_key,
    order_id,
    line_no,
    cast(departed_qty as varchar) as expected_value,
    case when is_misconfirmed then cast(confirmed_qty as varchar) else cast(announced_qty as varchar) end
        as actual_value,
    cast(departed_qty - case when is_misconfirmed then confirmed_qty else announced_qty end as decimal(18, 4))
        as delta_qty,
    cast(
        abs(departed_qty - case when is_misconfirmed then confirmed_qty else announced_qty end) * unit_price
        as decimal(18, 2)
    ) as value_at_risk_amount,
    currency,
    condition_since,
    case
        when is_misconfirmed then condition_since
        else to_timestamp(epoch(condition_since) + $shp_02_asn_grace_minutes * 60)
    end as breaks_at,
    case when is_misconfirmed then 'ship.amend' else '' end as message,
    case when is_misconfirmed then 'erp' else '' end as target_role,
    to_json({
        'shipment_id': shipment_id,
        'order_id': order_id,
        'line_no': line_no,
        'shipped_qty': cast(departed_qty as varchar)
    }) as payload,
    to_json({'shipped_qty': cast(case when is_misconfirmed then confirmed_qty else announced_qty end as varchar)})
        as precondition,
    case
        when not is_misconfirmed then 'the partner must hear of another quantity'
        when is_billed then 'the leg is billed'
        else ''
    end as judgement_reason,
    to_json({
        'departed': departed_snapshot_id,
        'confirmed': confirmed_snapshot_id,
        'announced': announced_snapshot_id,
        'departed_qty': cast(departed_qty as varchar),
        'confirmed_qty': cast(confirmed_qty as varchar),
        'announced_qty': cast(announced_qty as varchar)
    }) as evidence,
    case when announced_qty is null then 'S2' else 'S1' end as severity
from mismatched_legs
