-- grain: one row per order line of the ERP that lacks stock, or has allocated more than it asks for
-- Few lines do, so that what a site is short of is told without its settled lines. What neither side has shipped and no
-- stock is allocated to is lacking.
-- scope: order
with

departures as (
    select
        order_id,
        line_no,
        greatest(
            sum(case when role = 'wms' then shipped_qty else 0 end),
            sum(case when role = 'erp' then shipped_qty else 0 end)
        ) as shipped_qty
    from canon_shipment_lines
    where role in ('erp', 'wms')
    group by order_id, line_no
)

select
    lines.order_id as scope_key,
    lines.order_id,
    lines.line_no,
    lines.node,
    lines.sku,
    cast(lines.ordered_qty - lines.cancelled_qty as decimal(18, 4)) as wanted_qty,
    lines.allocated_qty,
    cast(
        lines.ordered_qty - lines.cancelled_qty - coalesce(departures.shipped_qty, 0) - lines.allocated_qty
        as decimal(18, 4)
    ) as unallocated_qty,
    lines.release_due_at,
    lines.promised_at,
    lines.unit_price,
    lines.currency,
    lines.snapshot_id,
    lines.as_of
from canon_order_lines as lines
left join departures on lines.order_id = departures.order_id and lines.line_no = departures.line_no
where
    lines.role = 'erp'
    and lines.node is not null
    and (
        lines.allocated_qty > lines.ordered_qty - lines.cancelled_qty
        or lines.ordered_qty - lines.cancelled_qty - coalesce(departures.shipped_qty, 0) > lines.allocated_qty
    )
