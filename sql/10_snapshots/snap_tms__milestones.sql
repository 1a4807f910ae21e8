-- snapshot: tms/milestones
-- grain: one row per event of a shipment leg; an event sent again is the same row
-- One carrier reports in UTC, the other in local time with its offset: both are instants.
select
    landed_row_no,
    event as milestone_id,
    shipment as shipment_id,
    status as milestone,
    happened as occurred_at,
    received as recorded_at,
    error as declared_error,
    corrected_by as corrected_by_id
from landed
