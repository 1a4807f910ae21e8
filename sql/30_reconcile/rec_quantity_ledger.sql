-- grain: one row per order line: every line the ERP knows, and every line of a channel order that the ERP does not know
-- Quantities in base units, as the authority for each says (domain book 2.1 and 2.4). The four residuals are the
-- edges between systems; each that is not zero must be explained by a finding (rec_unexplained).
-- scope: order
with

erp_lines as (
    select
        lines.order_id,
        lines.line_no,
        lines.node,
        lines.sku,
        lines.ordered_qty,
        lines.cancelled_qty,
        lines.allocated_qty,
        lines.unit_price,
        lines.currency,
        orders.channel_order_id
    from canon_order_lines as lines
    left join canon_orders as orders on orders.role = 'erp' and lines.order_id = orders.order_id
    where lines.role = 'erp'
),

channel_lines as (
    select
        lines.order_id as channel_order_id,
        lines.line_no,
        lines.sku,
        lines.ordered_qty,
        lines.cancelled_qty,
        lines.unit_price,
        lines.currency
    from canon_order_lines as lines
    inner join canon_orders as orders
        on orders.role = 'channel' and lines.system = orders.system and lines.order_id = orders.order_id
    where lines.role = 'channel' and orders.status <> 'CANCELLED'
),

lines as (
    select
        coalesce(erp_lines.order_id, channel_lines.channel_order_id) as order_id,
        coalesce(erp_lines.line_no, channel_lines.line_no) as line_no,
        coalesce(erp_lines.node, '') as node,
        coalesce(erp_lines.sku, channel_lines.sku) as sku,
        coalesce(erp_lines.channel_order_id, channel_lines.channel_order_id) as channel_order_id,
        coalesce(erp_lines.ordered_qty, 0) as ordered_qty,
        coalesce(erp_lines.cancelled_qty, 0) as cancelled_qty,
        coalesce(erp_lines.allocated_qty, 0) as allocated_qty,
        channel_lines.ordered_qty as channel_ordered_qty,
        coalesce(erp_lines.unit_price, channel_lines.unit_price) as unit_price,
        coalesce(erp_lines.currency, channel_lines.currency) as currency
    from erp_lines
    full outer join channel_lines
        on erp_lines.channel_order_id = channel_lines.channel_order_id
        and erp_lines.line_no = channel_lines.line_no
),

releases as (
    select
        order_id,
        line_no,
        sum(case when role = 'erp' then released_qty else 0 end) as released_qty,
        sum(case when role = 'wms' then released_qty else 0 end) as taken_in_qty,
        sum(case when role = 'wms' then coalesce(picked_qty, 0) else 0 end) as picked_qty,
        max(case when role = 'wms' then coalesce(acked_at, released_at) end) as last_taken_in_at
    from canon_releases
    group by order_id, line_no
),

legs as (
    select
        order_id,
        line_no,
        sum(case when role = 'wms' then shipped_qty else 0 end) as shipped_qty,
        sum(case when role = 'erp' then shipped_qty else 0 end) as confirmed_qty,
        max(case when role = 'erp' then coalesce(confirmed_at, shipped_at) end) as last_confirmed_at
    from canon_shipment_lines
    group by order_id, line_no
),

billing as (
    select
        order_id,
        line_no,
        sum(case when document_type = 'INVOICE' then invoiced_qty else 0 end) as invoiced_qty,
        sum(case when document_type = 'CREDIT_MEMO' then invoiced_qty else 0 end) as credited_qty,
        max(posted_at) as last_posted_at,
        bool_or(posted_at is null) as has_undated_document
    from canon_invoice_lines
    where status <> 'VOID'
    group by order_id, line_no
),

quantities as (
    select
        lines.order_id,
        lines.line_no,
        lines.node,
        lines.sku,
        lines.channel_order_id,
        lines.channel_ordered_qty,
        lines.ordered_qty,
        lines.cancelled_qty,
        lines.allocated_qty,
        coalesce(releases.released_qty, 0) as released_qty,
        coalesce(releases.taken_in_qty, 0) as taken_in_qty,
        coalesce(releases.picked_qty, 0) as picked_qty,
        coalesce(legs.shipped_qty, 0) as shipped_qty,
        coalesce(legs.confirmed_qty, 0) as confirmed_qty,
        coalesce(billing.invoiced_qty, 0) as invoiced_qty,
        coalesce(billing.credited_qty, 0) as credited_qty,
        releases.last_taken_in_at,
        legs.last_confirmed_at,
        billing.last_posted_at,
        coalesce(billing.has_undated_document, false) as has_undated_document,
        lines.unit_price,
        lines.currency
    from lines
    left join releases on lines.order_id = releases.order_id and lines.line_no = releases.line_no
    left join legs on lines.order_id = legs.order_id and lines.line_no = legs.line_no
    left join billing on lines.order_id = billing.order_id and lines.line_no = billing.line_no
)

select
    order_id as scope_key,
    order_id,
    line_no,
    node,
    sku,
    channel_order_id,
    cast(channel_ordered_qty as decimal(18, 4)) as channel_ordered_qty,
    cast(ordered_qty as decimal(18, 4)) as ordered_qty,
    cast(cancelled_qty as decimal(18, 4)) as cancelled_qty,
    cast(allocated_qty as decimal(18, 4)) as allocated_qty,
    cast(released_qty as decimal(18, 4)) as released_qty,
    cast(taken_in_qty as decimal(18, 4)) as taken_in_qty,
    cast(picked_qty as decimal(18, 4)) as picked_qty,
    cast(shipped_qty as decimal(18, 4)) as shipped_qty,
    cast(confirmed_qty as decimal(18, 4)) as confirmed_qty,
    cast(invoiced_qty as decimal(18, 4)) as invoiced_qty,
    cast(credited_qty as decimal(18, 4)) as credited_qty,
    cast(ordered_qty - cancelled_qty - greatest(taken_in_qty, shipped_qty) as decimal(18, 4)) as unreleased_qty,
    cast(greatest(taken_in_qty, shipped_qty) - shipped_qty as decimal(18, 4)) as unshipped_qty,
    cast(coalesce(channel_ordered_qty - ordered_qty, 0) as decimal(18, 4)) as residual_ordered_qty,
    cast(released_qty - taken_in_qty as decimal(18, 4)) as residual_released_qty,
    cast(shipped_qty - confirmed_qty as decimal(18, 4)) as residual_shipped_qty,
    cast(shipped_qty - (invoiced_qty - credited_qty) as decimal(18, 4)) as residual_billed_qty,
    last_taken_in_at,
    last_confirmed_at,
    last_posted_at,
    has_undated_document,
    unit_price,
    currency
from quantities
