-- grain: one row per invoice or credit line of match_unresolved, with the one order line its references lead to
-- Passes, the first that leads to exactly one order line counts: the leg it names; its order and item; its order as it
-- sounds. `customer_id` and `sku` say among which legs a line without such a reference is looked for.
with

legs as (
    select distinct shipment_id, order_id, line_no, sku
    from canon_shipment_lines
    where role in ('wms', 'erp') and shipment_id in (select shipment_id from match_unresolved)
),

spellings as (
    select distinct order_reference
    from match_unresolved
    where order_reference is not null
),

spelled_orders as (
    select orders.order_id, spellings.order_reference
    from canon_orders as orders
    inner join spellings on translate(upper(orders.order_id), 'OIL-_/. ', '011') = spellings.order_reference
    where orders.role = 'erp'
),

named_orders as (
    select order_id from match_unresolved
    union
    select order_id from legs
    union
    select order_id from spelled_orders
),

orders as (
    select order_id, customer_id
    from canon_orders
    where role = 'erp' and order_id in (select order_id from named_orders)
),

known_lines as (
    select lines.order_id, lines.line_no, lines.sku, orders.customer_id
    from canon_order_lines as lines
    left join orders on lines.order_id = orders.order_id
    where lines.role = 'erp' and lines.order_id in (select order_id from named_orders)
),

by_leg as (
    select
        unresolved.line_key,
        'leg' as resolved_by,
        1 as pass_no,
        legs.order_id,
        legs.line_no,
        legs.shipment_id
    from match_unresolved as unresolved
    inner join legs on unresolved.shipment_id = legs.shipment_id
    left join orders on legs.order_id = orders.order_id
    where
        coalesce(unresolved.line_no = legs.line_no, true)
        and coalesce(unresolved.sku = legs.sku, true)
        and coalesce(unresolved.customer_id = orders.customer_id, true)
),

by_item as (
    select
        unresolved.line_key,
        'item' as resolved_by,
        2 as pass_no,
        known_lines.order_id,
        known_lines.line_no,
        cast(null as varchar) as shipment_id
    from match_unresolved as unresolved
    inner join known_lines on unresolved.order_id = known_lines.order_id and unresolved.sku = known_lines.sku
    where unresolved.line_no is null and coalesce(unresolved.customer_id = known_lines.customer_id, true)
),

by_spelling as (
    select
        unresolved.line_key,
        'spelling' as resolved_by,
        3 as pass_no,
        known_lines.order_id,
        known_lines.line_no,
        cast(null as varchar) as shipment_id
    from match_unresolved as unresolved
    inner join spelled_orders on unresolved.order_reference = spelled_orders.order_reference
    inner join known_lines on spelled_orders.order_id = known_lines.order_id
    where
        coalesce(unresolved.line_no = known_lines.line_no, unresolved.sku = known_lines.sku, false)
        and coalesce(unresolved.customer_id = known_lines.customer_id, true)
        and coalesce(unresolved.sku = known_lines.sku, true)
),

led_to as (
    select line_key, resolved_by, pass_no, order_id, line_no, shipment_id from by_leg
    union all
    select line_key, resolved_by, pass_no, order_id, line_no, shipment_id from by_item
    union all
    select line_key, resolved_by, pass_no, order_id, line_no, shipment_id from by_spelling
),

unique_leads as (
    select
        line_key,
        resolved_by,
        pass_no,
        min(order_id) as order_id,
        min(line_no) as line_no,
        min(shipment_id) as shipment_id,
        row_number() over (partition by line_key order by pass_no) as preference_no
    from led_to
    group by line_key, resolved_by, pass_no
    having count(distinct led_to.order_id || '/' || led_to.line_no) = 1
)

select
    unresolved.line_key,
    unresolved.document_type,
    unresolved.order_id as spelled_order_id,
    unresolved.order_reference,
    unresolved.line_no as spelled_line_no,
    coalesce(unresolved.customer_id, known_lines.customer_id) as customer_id,
    coalesce(unresolved.sku, known_lines.sku) as sku,
    unresolved.invoiced_qty,
    unresolved.unit_price,
    coalesce(unresolved.posted_at, unresolved.as_of) as billed_at,
    unresolved.posted_at is not null as is_posted,
    leads.resolved_by,
    leads.order_id,
    leads.line_no,
    leads.shipment_id
from match_unresolved as unresolved
left join unique_leads as leads on unresolved.line_key = leads.line_key and leads.preference_no = 1
left join known_lines on leads.order_id = known_lines.order_id and leads.line_no = known_lines.line_no
