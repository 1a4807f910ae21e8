-- grain: one row per order whose billing rests on other matches than before, and per channel order it came from
-- `match_previous` holds the rows that were taken out, `match_rows` those that take their place. The empty key stands
-- for documents that bill no order. A line that spells a changed order is billed under the one it matches.
with

earlier as (
    select
        scope_key, system, source_key, share_no, line_no, shipment_id, customer_id, sku, billed_qty, matched_qty,
        match_label, match_score, match_reason, snapshot_id
    from match_previous
),

present as (
    select
        scope_key, system, source_key, share_no, line_no, shipment_id, customer_id, sku, billed_qty, matched_qty,
        match_label, match_score, match_reason, snapshot_id
    from match_rows
),

gone as (
    select * from earlier
    except
    select * from present
),

come as (
    select * from present
    except
    select * from earlier
),

moved_orders as (
    select scope_key as key from gone
    union
    select scope_key as key from come
    union
    select scope_key as key
    from match_rows
    where spelled_order_id in (select order_id from match_changed_orders)
)

select key
from moved_orders
union
select orders.channel_order_id as key
from canon_orders as orders
inner join moved_orders on orders.order_id = moved_orders.key
where orders.role = 'erp' and orders.channel_order_id is not null
