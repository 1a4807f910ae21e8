-- grain: one row per event of the legs in $shipment_ids as a carrier tells it, the latest first
select
    system, role, milestone_id, shipment_id, milestone, occurred_at, recorded_at, declared_error, snapshot_id, as_of
from canon_shipment_milestones
where shipment_id in (select unnest(cast($shipment_ids as varchar[])))
order by occurred_at desc, milestone_id
