-- grain: one row per item, and price and currency at which the ERP has ever sold it
-- By how many order lines it was sold so. What a difference of stock is worth follows from the highest.
-- adds: line_count bigint
select sku, unit_price, currency, count(*) as line_count
from canon_order_lines
where role = 'erp' and sku is not null
group by sku, unit_price, currency
