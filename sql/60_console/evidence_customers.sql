-- grain: one row per customer of $customer_ids
select customer_id, max(customer_name) as customer_name
from canon_customers
where customer_id in (select unnest(cast($customer_ids as varchar[])))
group by customer_id
