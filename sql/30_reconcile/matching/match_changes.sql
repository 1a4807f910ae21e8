-- grain: one row per changed key, as ops_changed_keys has it: read once, since every look into the lake costs
select contract, system, source_key, order_id, customer_id, sku
from ops_changed_keys
