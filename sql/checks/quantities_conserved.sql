-- title: The quantity ledger adds up to what the systems said, no unit lost or counted twice
-- scope: order
with

said as (
    select
        case when role = 'erp' then 'released' else 'taken_in' end as quantity,
        order_id,
        line_no,
        released_qty as qty
    from canon_releases
    where role in ('erp', 'wms')
    union all
    select 'picked' as quantity, order_id, line_no, picked_qty as qty
    from canon_releases
    where role = 'wms' and picked_qty <> 0
    union all
    select 'packed' as quantity, order_id, line_no, packed_qty as qty
    from canon_packs
    where role = 'wms'
    union all
    select case when role = 'wms' then 'shipped' else 'confirmed' end as quantity, order_id, line_no, shipped_qty as qty
    from canon_shipment_lines
    where role in ('erp', 'wms')
    union all
    select 'delivered' as quantity, order_id, line_no, delivered_qty as qty
    from canon_delivery_lines
    where role = 'carrier'
    union all
    select 'returned' as quantity, order_id, line_no, returned_qty as qty
    from canon_returns
    where role = 'wms'
    union all
    select
        case when document_type = 'INVOICE' then 'invoiced' else 'credited' end as quantity,
        order_id,
        line_no,
        invoiced_qty as qty
    from rec_billed_lines
    where status <> 'VOID'
),

ordered as (
    select
        sum(ordered_qty) as ordered_qty,
        sum(cancelled_qty) as cancelled_qty,
        sum(coalesce(allocated_qty, 0)) as allocated_qty
    from canon_order_lines
    where role = 'erp'
),

-- What is said of an order line that nobody knows has no place in the ledger; each line of the ERP has.
systems as (
    select said.quantity, sum(said.qty) as qty
    from said
    semi join rec_quantity_ledger as ledger on said.order_id = ledger.order_id and said.line_no = ledger.line_no
    group by said.quantity
    union all
    select 'ordered' as quantity, ordered_qty as qty
    from ordered
    union all
    select 'cancelled' as quantity, cancelled_qty as qty
    from ordered
    union all
    select 'allocated' as quantity, allocated_qty as qty
    from ordered
),

totals as (
    select
        sum(ordered_qty) as ordered_qty,
        sum(cancelled_qty) as cancelled_qty,
        sum(allocated_qty) as allocated_qty,
        sum(released_qty) as released_qty,
        sum(taken_in_qty) as taken_in_qty,
        sum(picked_qty) as picked_qty,
        sum(packed_qty) as packed_qty,
        sum(shipped_qty) as shipped_qty,
        sum(confirmed_qty) as confirmed_qty,
        sum(delivered_qty) as delivered_qty,
        sum(returned_qty) as returned_qty,
        sum(invoiced_qty) as invoiced_qty,
        sum(credited_qty) as credited_qty
    from rec_quantity_ledger
),

ledger as (
    select 'ordered' as quantity, ordered_qty as qty
    from totals
    union all
    select 'cancelled' as quantity, cancelled_qty as qty
    from totals
    union all
    select 'allocated' as quantity, allocated_qty as qty
    from totals
    union all
    select 'released' as quantity, released_qty as qty
    from totals
    union all
    select 'taken_in' as quantity, taken_in_qty as qty
    from totals
    union all
    select 'picked' as quantity, picked_qty as qty
    from totals
    union all
    select 'packed' as quantity, packed_qty as qty
    from totals
    union all
    select 'shipped' as quantity, shipped_qty as qty
    from totals
    union all
    select 'confirmed' as quantity, confirmed_qty as qty
    from totals
    union all
    select 'delivered' as quantity, delivered_qty as qty
    from totals
    union all
    select 'returned' as quantity, returned_qty as qty
    from totals
    union all
    select 'invoiced' as quantity, invoiced_qty as qty
    from totals
    union all
    select 'credited' as quantity, credited_qty as qty
    from totals
)

select
    ledger.quantity,
    ledger.qty as ledger_qty,
    systems.qty as systems_qty
from ledger
left join systems on ledger.quantity = systems.quantity
where coalesce(ledger.qty, 0) <> coalesce(systems.qty, 0)
