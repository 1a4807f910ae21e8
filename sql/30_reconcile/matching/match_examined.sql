-- grain: one row per invoice line whose match may be another than before
-- Lines compete for the legs of their customer and item, so all unreferenced lines of a changed group are looked at.
-- `match_nameless_groups` are those that the references of lines lead to which do not tell customer and item.
with

changed_customers as (
    select order_id, customer_id
    from canon_orders
    where role = 'erp' and order_id in (select order_id from match_changed_orders)
    union
    select order_id, customer_id
    from match_changes
    where order_id is not null and customer_id is not null
),

changed_items as (
    select order_id, sku
    from match_changes
    where order_id is not null and sku is not null
    union
    select order_id, sku
    from canon_shipment_lines
    where order_id in (select order_id from match_changed_orders)
),

changed_groups as (
    select changed_customers.customer_id, changed_items.sku
    from changed_customers
    inner join changed_items on changed_customers.order_id = changed_items.order_id
    union
    select customer_id, sku
    from match_changes
    where contract = 'invoice_lines'
    union
    select customer_id, sku
    from match_nameless_groups
    union
    select matches.customer_id, matches.sku
    from rec_document_matches as matches
    inner join match_seeds on matches.system = match_seeds.system and matches.source_key = match_seeds.source_key
)

select system, source_key
from match_seeds
union
select matches.system, matches.source_key
from rec_document_matches as matches
inner join changed_groups on matches.customer_id = changed_groups.customer_id and matches.sku = changed_groups.sku
