-- grain: one row per invoice line of match_seeds that does not tell customer and item: its references alone may
select system, source_key
from match_changes
where contract = 'invoice_lines' and (customer_id is null or sku is null)
union
select matches.system, matches.source_key
from rec_document_matches as matches
where not matches.names_item
