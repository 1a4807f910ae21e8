-- snapshot: erp/cross_references
-- grain: one row per number of a partner
select
    landed_row_no,
    type as reference_type,
    party as party_id,
    foreign_no as foreign_id,
    own_no as own_id
from landed
