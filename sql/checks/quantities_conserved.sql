-- title: The quantity ledger adds up to what the systems said, no unit lost or counted twice
with

ledger as (
    select
        sum(ordered_qty) as ordered_qty,
        sum(released_qty) as released_qty,
        sum(shipped_qty) as shipped_qty,
        sum(confirmed_qty) as confirmed_qty,
        sum(invoiced_qty - credited_qty) as billed_qty
    from rec_quantity_ledger
),

known_lines as (
    select distinct order_id, line_no
    from rec_quantity_ledger
),

ordered as (
    select sum(ordered_qty) as ordered_qty
    from canon_order_lines
    where role = 'erp'
),

released as (
    select sum(releases.released_qty) as released_qty
    from canon_releases as releases
    semi join known_lines on releases.order_id = known_lines.order_id and releases.line_no = known_lines.line_no
    where releases.role = 'erp'
),

legs as (
    select
        sum(case when legs.role = 'wms' then legs.shipped_qty else 0 end) as shipped_qty,
        sum(case when legs.role = 'erp' then legs.shipped_qty else 0 end) as confirmed_qty
    from canon_shipment_lines as legs
    semi join known_lines on legs.order_id = known_lines.order_id and legs.line_no = known_lines.line_no
),

billing as (
    select sum(case when document_type = 'INVOICE' then invoiced_qty else -invoiced_qty end) as billed_qty
    from canon_invoice_lines as documents
    semi join known_lines on documents.order_id = known_lines.order_id and documents.line_no = known_lines.line_no
    where documents.status <> 'VOID'
),

comparisons as (
    select 'ordered' as quantity, ledger.ordered_qty as ledger_qty, ordered.ordered_qty as systems_qty
    from ledger
    cross join ordered
    union all
    select 'released' as quantity, ledger.released_qty as ledger_qty, released.released_qty as systems_qty
    from ledger
    cross join released
    union all
    select 'shipped' as quantity, ledger.shipped_qty as ledger_qty, legs.shipped_qty as systems_qty
    from ledger
    cross join legs
    union all
    select 'confirmed' as quantity, ledger.confirmed_qty as ledger_qty, legs.confirmed_qty as systems_qty
    from ledger
    cross join legs
    union all
    select 'billed' as quantity, ledger.billed_qty as ledger_qty, billing.billed_qty as systems_qty
    from ledger
    cross join billing
)

select quantity, ledger_qty, systems_qty
from comparisons
where coalesce(ledger_qty, 0) <> coalesce(systems_qty, 0)
