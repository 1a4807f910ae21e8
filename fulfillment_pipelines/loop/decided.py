"""Which findings a decision must look at: those that have moved since the last one, and those whose cases have.

A decision reads, judges and writes whatever it is shown, and the same findings on the same cases change nothing: what
stands as it did need not be shown again. What follows from time alone waits for the next look at everything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import pyarrow as pa

from fulfillment_pipelines.corrections.proving.loop_guard import LOOP_CODE
from fulfillment_pipelines.domain.case import case_id_of
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.arrow import findings_of
from fulfillment_pipelines.ledger.standing import Standing, standing_of
from fulfillment_pipelines.ledger.switches import KillSwitch, engaged_switches
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.reconcile.row_changes import note_moved
from fulfillment_pipelines.warehouse import Connection, Warehouse, query_rows

_EVERYTHING_EVERY: Final = timedelta(minutes=5)
_ENDED: Final = frozenset({CorrectionState.REJECTED, CorrectionState.VERIFIED, CorrectionState.SUPERSEDED})
_PRESENT: Final = "present_findings"
_DECIDED: Final = "decided_findings"
_IDENTITY: Final = ("code", "business_key", "node", "parent_code", "parent_business_key")
_MOVED: Final = "select distinct business_key from moved_findings"
_OF_KEYS: Final = """
    select * from present_findings where business_key in (select unnest($business_keys))
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What one decision is shown.

    Attributes:
        findings: All, or all of the business keys in question.
        revisited: These business keys; None for all.
        rows: All findings, as the lake has them.
        at: When it was.
        standing: How the ledger stood before it.
        switches: What was switched off.
    """

    findings: list[Finding]
    revisited: frozenset[str] | None
    rows: pa.Table
    at: datetime
    standing: Standing
    switches: frozenset[KillSwitch]


class DecidedFindings:
    """What the last decision of this process was made of; nothing is known after one that failed."""

    def __init__(self) -> None:
        self._last: Look | None = None
        self._whole_at: datetime | None = None

    def look(self, work: UnitOfWork, warehouse: Warehouse, now: datetime) -> Look:
        """Return what is to be decided on within a transaction; `keep` it when that is committed.

        Args:
            work: The ledger's transaction; it has the turn.
            warehouse: The lake.
            now: The moment of the decision.
        """
        last, self._last = self._last, None
        standing, switches = standing_of(work, _ENDED), engaged_switches(work)
        with warehouse.reading() as cursor:
            rows = query_rows(cursor, "from rec_findings")
            keys, asked = None, rows
            if last and last.switches == switches and self._is_recent(now):
                touched = standing.moved_since(last.standing)
                with _registered(cursor, {_PRESENT: rows, _DECIDED: last.rows}):
                    keys = _Reading(cursor, standing, rows).keys(touched)
                    asked = query_rows(cursor, _OF_KEYS, {"business_keys": sorted(keys)})
        return Look(findings_of(asked), keys, rows, now, standing, switches)

    def keep(self, look: Look) -> None:
        """Take note that a look was decided on."""
        if look.revisited is None:
            self._whole_at = look.at
        self._last = look

    def _is_recent(self, now: datetime) -> bool:
        return self._whole_at is not None and timedelta(0) <= now - self._whole_at < _EVERYTHING_EVERY


@contextmanager
def _registered(cursor: Connection, tables: Mapping[str, pa.Table]) -> Iterator[None]:
    for name, rows in tables.items():
        cursor.register(name, rows)
    try:
        yield
    finally:
        for name in tables:
            cursor.unregister(name)


class _Reading:
    """The identities of all findings, read to find those in question.

    Args:
        cursor: Of the lake, with the findings of now and of then.
        standing: How the ledger stands.
        rows: The findings of now.
    """

    def __init__(self, cursor: Connection, standing: Standing, rows: pa.Table) -> None:
        self._cursor = cursor
        self._standing = standing
        self._case_keys: dict[str, str] = {}
        self._loops: set[str] = set()
        self._causes: defaultdict[str, set[str]] = defaultdict(set)
        self._effects: defaultdict[str, set[str]] = defaultdict(set)
        columns = (rows.column(name).to_pylist() for name in _IDENTITY)
        for code, key, node, parent, parent_key in zip(*columns, strict=True):
            self._case_keys[case_id_of(code, key, node or "")] = key
            if code == LOOP_CODE:
                self._loops.add(key)
            if parent:
                self._causes[key].add(parent_key)
                self._effects[parent_key].add(key)

    def keys(self, touched: Iterable[str]) -> frozenset[str]:
        """Return the business keys of what has moved, of what is missing and of what these cause, with their causes.

        Args:
            touched: Cases of which anything in the ledger has moved.
        """
        note_moved(self._cursor, "moved_findings", earlier=_DECIDED, present=_PRESENT)
        found = set(query_rows(self._cursor, _MOVED).column(0).to_pylist()) | self._loops
        of_cases: Mapping[str, str] = self._standing.open_cases | self._case_keys
        found.update(of_cases[case] for case in touched if case in of_cases)
        # An open case without a finding is asked about until a later snapshot proves its cure.
        found.update(key for case, key in self._standing.open_cases.items() if case not in self._case_keys)
        ended = self._standing.corrected_cases - self._standing.open_cases.keys()
        found.update(self._case_keys[case] for case in ended & self._case_keys.keys())
        found.update(*(self._effects[key] for key in tuple(found) if key in self._effects))
        return _closed(found, self._causes)


def _closed(keys: set[str], causes: Mapping[str, AbstractSet[str]]) -> frozenset[str]:
    """Return keys with their causes, and the causes of these: a case is judged with what it follows from in sight."""
    waiting = list(keys)
    while waiting:
        new = causes.get(waiting.pop(), frozenset()) - keys
        keys |= new
        waiting.extend(new)
    return frozenset(keys)
