-- title: No more orders are perfect than its weakest component allows, and no fewer than all of them together do
-- refresh: full
-- Frechet's bounds: max(0, sum of the components - (k - 1)) <= all of them at once <= the least of them.
select node, day, known_count, perfect_count
from kpi_perfect_order
where
    perfect_count > least(on_time_count, complete_count, undamaged_count, accurate_documents_count)
    or perfect_count
    < on_time_count + complete_count + undamaged_count + accurate_documents_count - 3 * known_count
    or known_count + unknown_count <> population_count
