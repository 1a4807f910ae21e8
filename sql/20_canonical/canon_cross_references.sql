-- grain: one row per number of a partner and what it stands for in the ERP
-- key: system, source_key
select
    system,
    role,
    source_key,
    reference_type,
    party_id,
    foreign_id,
    own_id,
    snapshot_id,
    as_of
from feed_cross_references
