"""Tell Dagster what the live loop did: materializations and check results that belong to no run.

A round is told together with those before it, at most every few seconds, and only of what they changed, so that telling
costs less than the work. Events are written by a thread of their own; the loop waits for none. One that cannot be
written is dropped, and so is the oldest where too many wait: the lake and the ledger know what Dagster was not told.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import Empty, Full, Queue
from typing import Any, Final, TypeAlias

import dagster as dg

from fulfillment_pipelines.loop.live.rounds import RoundResult
from fulfillment_pipelines.loop.live.status import LiveStatus
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.orchestration.assets.decisions import case_totals
from fulfillment_pipelines.orchestration.assets.observed import markdown_table
from fulfillment_pipelines.orchestration.assets.specs import CASES, CORRECTIONS
from fulfillment_pipelines.orchestration.catalogue import Catalogue, rule_asset
from fulfillment_pipelines.orchestration.checks import ContractVerdicts, invariants, received
from fulfillment_pipelines.snapshots.pulling import PullAttempt

AssetEvent: TypeAlias = dg.AssetMaterialization | dg.AssetCheckEvaluation

_ALL_CHECKS_EVERY: Final = timedelta(seconds=60)
_FRESHNESS_SHARE: Final = 3
_MOST_WAITING: Final = 2_000
_TOLD_BY: Final = "live loop"
_FINDINGS: Final = "rec_findings"
_COUNTS: Final = """
    select code, verdict, count(*) as finding_count
    from rec_findings
    group by code, verdict
"""


@dataclass
class _Told:
    """What happened since Dagster was told last."""

    rounds: int = 0
    changed_rows: int = 0
    opened: int = 0
    closed: int = 0
    approved: int = 0
    attempts: dict[str, PullAttempt] = field(default_factory=dict)
    rows: dict[str, dict[str, int]] = field(default_factory=dict)

    def take(self, result: RoundResult) -> None:
        self.rounds += 1
        self.changed_rows += result.changed_rows
        if result.decisions is not None:
            self.opened += len(result.decisions.taken.opened)
            self.closed += len(result.decisions.taken.verified) + len(result.decisions.taken.cleared)
            self.approved += len(result.decisions.proposed.approved)
        for attempt in result.attempts:
            asset = _table(attempt)
            if attempt.landed is not None or asset not in self.attempts:
                self.attempts[asset] = attempt
        for admission in result.admissions:
            counts = self.rows.setdefault(f"snap_{admission.system}__{admission.entity}", {})
            merged = admission.merged
            for name in ("inserted_rows", "updated_rows", "unchanged_rows", "deleted_rows"):
                counts[name] = counts.get(name, 0) + getattr(merged, name)


class DagsterReporter:
    """Tells one Dagster instance of the rounds of one live loop.

    Args:
        instance: Where events are kept.
        catalogue: What there is.
        platform: Whose rounds they are; its lake is read in the thread that calls `note`.
        trouble: Told of events that Dagster was not told, in words.
        most_waiting: So many events may wait to be written.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        catalogue: Catalogue,
        platform: Platform,
        *,
        trouble: Callable[[str], None] = lambda _: None,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        self._instance = instance
        self._catalogue = catalogue
        self._platform = platform
        self._every = timedelta(seconds=platform.distributor.live.report_seconds)
        self._told = _Told()
        self._told_at: datetime | None = None
        self._all_checks_at: datetime | None = None
        self._fed_at: dict[str, datetime] = {}
        self._counts: Mapping[str, Mapping[str, int]] = {}
        self._trouble = trouble
        self._dropped = 0
        self._events: Queue[AssetEvent | None] = Queue(most_waiting)
        self._writer = threading.Thread(target=self._write, name="tell-dagster", daemon=True)
        self._writer.start()

    def note(self, result: RoundResult, status: LiveStatus) -> None:
        """Take a round in, and tell of it and those before it when it is time."""
        self._told.take(result)
        now = self._platform.machine_clock.now()
        is_early = self._told_at is not None and now - self._told_at < self._every
        if is_early and not result.reconciliation.violations:
            return
        told, self._told, self._told_at = self._told, _Told(), now
        dropped = self._dropped
        for event in self._tell(told, result, status, now):
            self._put(event)
        if self._dropped > dropped:
            self._trouble(f"Dagster is slow: {self._dropped} events were dropped since the start, the oldest first.")

    @property
    def dropped(self) -> int:
        """Events that were never written because too many waited."""
        return self._dropped

    def close(self, timeout_seconds: float = 1.0) -> None:
        """Write what is waiting, as far as there is time for it."""
        self._put(None)
        self._writer.join(timeout_seconds)

    def _put(self, event: AssetEvent | None) -> None:
        while True:
            try:
                self._events.put_nowait(event)
            except Full:
                with suppress(Empty):
                    self._events.get_nowait()
                    self._dropped += 1
            else:
                return

    def _write(self) -> None:
        while (event := self._events.get()) is not None:
            try:
                self._instance.report_runless_asset_event(event)
            except Exception as error:  # noqa: BLE001 - whatever Dagster's store raises, the next event may be written
                self._trouble(f"Dagster was not told of {event.asset_key.to_user_string()}: {error!r}")

    def _tell(self, told: _Told, result: RoundResult, status: LiveStatus, now: datetime) -> Iterator[AssetEvent]:
        shared = {"told_by": _TOLD_BY, "rounds": told.rounds, "now_at": _moment(result.reconciliation.now_at)}
        landed = [attempt for attempt in told.attempts.values() if attempt.landed is not None]
        yield from self._feeds(told, landed, shared, now)
        changed = {_table(attempt) for attempt in landed}
        for model in self._catalogue.canonical:
            if changed & self._catalogue.upstream(model.name):
                yield _materialized(model.name, shared)
        yield from self._rules(shared)
        yield _materialized(_FINDINGS, shared | {"dagster/row_count": result.reconciliation.findings})
        verdicts = {f"lines_{verdict.lower()}": count for verdict, count in result.reconciliation.verdicts.items()}
        yield _materialized("rec_line_verdicts", shared | verdicts)
        for mart in self._catalogue.marts:
            yield _materialized(mart.name, shared)
        cases = {"opened": told.opened, "closed": told.closed, **case_totals(self._platform), **_lag_metadata(status)}
        yield _materialized(CASES, shared | cases)
        waiting = sum(status.deliveries_waiting.values())
        yield _materialized(CORRECTIONS, shared | {"approved": told.approved, "waiting": waiting})
        yield from self._invariants(result, now)

    def _feeds(
        self, told: _Told, landed: Sequence[PullAttempt], shared: Mapping[str, Any], now: datetime
    ) -> Iterator[AssetEvent]:
        """A feed that is quiet is told of now and then, so that its freshness shows that it was asked."""
        ids = [attempt.landed.manifest.snapshot_id for attempt in landed if attempt.landed]
        verdicts = ContractVerdicts(self._platform.warehouse, ids)
        for asset, attempt in told.attempts.items():
            declared = self._platform.registry.declaration(attempt.system)
            rest = timedelta(seconds=declared.freshness_seconds) / _FRESHNESS_SHARE
            is_due = asset not in self._fed_at or now - self._fed_at[asset] >= rest
            if attempt.landed is None and not is_due:
                continue
            if attempt.landed is not None or attempt.as_of is not None:
                self._fed_at[asset] = now
                yield _materialized(asset, {**shared, "state": attempt.state.value, **told.rows.get(asset, {})})
            yield _evaluated(received(asset, attempt))
            if attempt.landed is not None:
                yield _evaluated(verdicts.of(asset, attempt.system, attempt.entity))

    def _rules(self, shared: Mapping[str, Any]) -> Iterator[AssetEvent]:
        counts: dict[str, dict[str, int]] = {}
        for row in self._platform.warehouse.query(_COUNTS).to_pylist():
            counts.setdefault(row["code"], {})[f"findings_{row['verdict'].lower()}"] = row["finding_count"]
        for rule in self._catalogue.rules:
            own = counts.get(rule.code, {})
            if own != self._counts.get(rule.code, {}):
                yield _materialized(rule_asset(rule), {**shared, "dagster/row_count": sum(own.values()), **own})
        self._counts = counts

    def _invariants(self, result: RoundResult, now: datetime) -> Iterator[AssetEvent]:
        is_early = self._all_checks_at is not None and now - self._all_checks_at < _ALL_CHECKS_EVERY
        if is_early and not result.reconciliation.violations:
            return
        # What is broken is told at once, and soon again, so that it is seen when it is mended.
        self._all_checks_at = None if result.reconciliation.violations else now
        yield from map(_evaluated, invariants(self._catalogue, result.reconciliation.violations))


def _materialized(asset: str, metadata: Mapping[str, Any]) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(asset_key=asset, metadata=dict(metadata))


def _evaluated(result: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    if result.asset_key is None or result.check_name is None:
        raise AssertionError("every check names its asset and itself")
    return dg.AssetCheckEvaluation(
        asset_key=result.asset_key,
        check_name=result.check_name,
        passed=result.passed,
        severity=result.severity,
        description=result.description,
        metadata=result.metadata,
    )


def _lag_metadata(status: LiveStatus) -> dict[str, Any]:
    lags = {name: lag.lag_seconds for name, lag in sorted(status.systems.items()) if lag.lag_seconds is not None}
    columns = ("system", "lag_seconds", "state", "has_more", "problem")
    rows: Iterable[Iterable[object]] = (
        (name, lag.lag_seconds, lag.state, lag.has_more, lag.problem) for name, lag in sorted(status.systems.items())
    )
    seconds = {f"seconds_{stage}": value for stage, value in status.last_round_seconds.items()}
    return {
        "greatest_lag_seconds": max(lags.values(), default=0.0),
        "lake_wait_seconds": status.lake_wait_seconds,
        "systems": markdown_table(columns, rows),
        **seconds,
    }


def _moment(at: datetime) -> dg.TimestampMetadataValue:
    return dg.MetadataValue.timestamp(at)


def _table(attempt: PullAttempt) -> str:
    return f"snap_{attempt.system}__{attempt.entity}"
