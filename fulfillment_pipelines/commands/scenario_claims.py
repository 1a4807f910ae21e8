"""Whether what a scenario claims is so: one function a claim, each reading the ledger or the lake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from fulfillment_pipelines.domain.case import Case, case_id_of
from fulfillment_pipelines.ledger import readings
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.scenarios import script

_ALL = 1_000_000
_FEED_CODE = "SYS-01"

_UNKNOWN_LINES = "select count(*) as lines from rec_line_verdicts where verdict = 'UNKNOWN' and node = $node"
_ORDERS = "select count(distinct order_id) as orders from canon_orders where role = 'erp'"
_SHIPPED_LINES = """
    select order_id || '/' || line_no as line_key
    from rec_quantity_ledger
    where shipped_qty > 0 and shipped_qty >= ordered_qty - cancelled_qty
"""


@dataclass(frozen=True)
class Findings:
    """What the product has found so far, and what was injected.

    Args:
        platform: The product.
        faults: Labels by the script's names.
    """

    platform: Platform
    faults: Mapping[str, tuple[Label, ...]]

    @cached_property
    def cases(self) -> Mapping[str, Case]:
        """Every case there ever was, by identity."""
        with self.platform.ledger.reading() as work:
            found = readings.list_cases(work, readings.CaseFilter(limit=_ALL))
        return {case.case_id: case for case in found}

    def case_ids(self, fault: str) -> tuple[str, ...]:
        """Return the identities of the cases that a named fault must open."""
        return tuple(case_id_of(label.code, label.business_key, label.node) for label in self.faults[fault])


def examine(claim: script.Claim, findings: Findings) -> tuple[str, bool]:
    """Return what is found, in words, and whether the claim holds."""
    return _EXAMINED_BY[type(claim)](claim, findings)


def _case_stands(claim: script.CaseStands, findings: Findings) -> tuple[str, bool]:
    found = [findings.cases.get(case_id) for case_id in findings.case_ids(claim.fault)]
    said = ", ".join("no case" if case is None else f"{case.code} {case.business_key} {case.state}" for case in found)
    return said, all(case is not None and (case.closed_at is not None) is claim.ended for case in found)


def _correction_stands(claim: script.CorrectionStands, findings: Findings) -> tuple[str, bool]:
    said, holds = [], True
    for case_id in findings.case_ids(claim.fault):
        with findings.platform.ledger.reading() as work:
            records = readings.list_corrections(work, readings.CorrectionFilter(case_id=case_id))
        of_message = [record for record in records if record.message == claim.message]
        holds &= any(record.state in claim.states for record in of_message)
        said.append(", ".join(f"{record.message} {record.state}" for record in records) or "no correction")
    return "; ".join(said), holds


def _nothing_else(claim: script.NothingElse, findings: Findings) -> tuple[str, bool]:
    expected = {case_id for fault in findings.faults for case_id in findings.case_ids(fault)}
    others = [
        case
        for case in findings.cases.values()
        if case.case_id not in expected and case.code not in claim.besides and case.parent_case_id is None
    ]
    said = ", ".join(f"{case.code} {case.business_key} {case.node}".strip() for case in others)
    return said or "no other case", not others


def _feeds_down(claim: script.FeedsDown, findings: Findings) -> tuple[str, bool]:
    open_keys = [
        case.business_key
        for case in findings.cases.values()
        if case.code == _FEED_CODE and case.closed_at is None and case.business_key.split("/")[0] == claim.system
    ]
    return ", ".join(open_keys) or f"no feed of {claim.system} is down", bool(open_keys) is claim.down


def _lines_unknown(claim: script.LinesUnknown, findings: Findings) -> tuple[str, bool]:
    count = findings.platform.warehouse.query(_UNKNOWN_LINES, {"node": claim.node}).column(0)[0].as_py()
    return f"{count} lines at {claim.node} are UNKNOWN", (count > 0) is claim.some


def _orders_untouched(claim: script.OrdersUntouched, findings: Findings) -> tuple[str, bool]:
    orders = findings.platform.warehouse.query(_ORDERS).column(0)[0].as_py()
    touched = len({case.order_id for case in findings.cases.values() if case.order_id})
    share = 1 - touched / orders if orders else 0.0
    return f"{orders - touched} of {orders} orders without a case", share >= claim.least_share


def _lines_move_on(claim: script.LinesMoveOn, findings: Findings) -> tuple[str, bool]:
    shipped = set(findings.platform.warehouse.query(_SHIPPED_LINES).column(0).to_pylist())
    wanted = {label.business_key for label in findings.faults[claim.fault]}
    return f"{len(wanted & shipped)} of {len(wanted)} lines have left", wanted <= shipped


_EXAMINED_BY: Mapping[type, Callable[[Any, Findings], tuple[str, bool]]] = MappingProxyType(
    {
        script.CaseStands: _case_stands,
        script.CorrectionStands: _correction_stands,
        script.NothingElse: _nothing_else,
        script.FeedsDown: _feeds_down,
        script.LinesUnknown: _lines_unknown,
        script.OrdersUntouched: _orders_untouched,
        script.LinesMoveOn: _lines_move_on,
    }
)
