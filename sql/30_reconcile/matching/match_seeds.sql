-- grain: one row per invoice line that must be looked at because it, or the order it names or bills, has changed
-- A line that does not tell customer and item may be about any order, so it is looked at each time.
select system, source_key
from match_changes
where contract = 'invoice_lines'
union
select system, source_key
from canon_invoice_lines
where order_id in (select order_id from match_changed_orders)
union
select system, source_key
from rec_document_matches
where
    order_id in (select order_id from match_changed_orders)
    or spelled_order_id in (select order_id from match_changed_orders)
    or not names_item
