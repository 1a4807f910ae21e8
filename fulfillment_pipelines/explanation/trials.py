"""Try a rule with another tolerance: would a break be one, had the tolerance been wider?

Only what the rule itself says counts, so the answer is exact whatever the tolerance is for.
"""

from __future__ import annotations

from decimal import Decimal

from fulfillment_pipelines.explanation.questions import Row
from fulfillment_pipelines.reconcile.rules import Rule
from fulfillment_pipelines.reconcile.tolerances import Tolerances
from fulfillment_pipelines.warehouse import SqlError, Warehouse, query_rows

_BREAKS_AT = "select breaks_at from tried_rows where business_key = $business_key and node = $node"


class RuleTrials:
    """Runs rules over the lake with tolerances of one's own; nothing is written.

    Args:
        warehouse: The lake, with the reference tables of its seeds loaded.
        tolerances: Configured values, of which one is replaced at a time.
    """

    def __init__(self, warehouse: Warehouse, tolerances: Tolerances) -> None:
        self._warehouse = warehouse
        self.tolerances = tolerances

    def heals(self, rule: Rule, finding: Row, tolerance: str, value: Decimal) -> bool:
        """Return whether a finding would be no break with another value of one tolerance.

        It would be none where the rule says nothing of it any more, or gives it time beyond the last watermark. A rule
        that reads what only a run has is not tried, and heals nothing.
        """
        parameters = {**self.tolerances.values(rule.tolerances), tolerance: value}
        with self._warehouse.reading() as cursor:
            try:
                cursor.execute("create or replace temp table tried_rows as " + rule.model.body, parameters)
            except SqlError:
                return False
            where = {"business_key": finding["business_key"], "node": finding["node"]}
            rows = query_rows(cursor, _BREAKS_AT, where).to_pylist()
        return all(row["breaks_at"] is not None and row["breaks_at"] > finding["watermark_at"] for row in rows)
