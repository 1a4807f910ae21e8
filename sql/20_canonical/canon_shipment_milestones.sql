-- grain: one row per event of a shipment leg that the carrier or the TMS reported; append-only
-- key: system, source_key
select
    system,
    role,
    source_key,
    milestone_id,
    shipment_id,
    milestone,
    occurred_at,
    recorded_at,
    declared_error,
    corrected_by_id,
    snapshot_id,
    as_of
from feed_shipment_milestones
