-- title: UNEXPLAINED = 0: every residual of the quantity and stock ledger is explained by a finding
select edge, business_key, node, residual_qty
from rec_unexplained
