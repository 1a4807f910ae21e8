-- grain: one row per case of the customer service about the orders in $order_ids, or named in $references
select
    system, role, case_id, order_id, line_no, shipment_id, case_type, status, opened_by, opened_at, claimed_qty,
    accepted_at, snapshot_id, as_of
from canon_customer_cases
where
    order_id in (select unnest(cast($order_ids as varchar[])))
    or case_id in (select unnest(cast($references as varchar[])))
order by opened_at, case_id
