"""Ask every system at once how it is, within a time limit: down, refusing us, slow, miscounting, drifted, or well.

Nothing is kept of what they answer. What they sent is compared with what was agreed on, as `drift` does for pulls.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, Self

from fulfillment_pipelines.domain.snapshot import Scope, Snapshot
from fulfillment_pipelines.errors import (
    BadDataError,
    ConfigurationError,
    FulfillmentError,
    InterfaceChangedError,
    RetryableError,
)
from fulfillment_pipelines.ledger.agreed_shapes import AgreedShapes, agreed_shapes
from fulfillment_pipelines.loop.drift import drift_of
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.snapshots.decoding import DecodedSnapshot, decode
from fulfillment_pipelines.snapshots.drift import Difference, DriftKind
from fulfillment_pipelines.snapshots.landing import LandingArea
from fulfillment_pipelines.warehouse import Warehouse, scratch

_HARMLESS: Final = "nothing reads it"


class Condition(StrEnum):
    """How a system is, the worst first."""

    DOWN = "DOWN"
    REFUSED = "REFUSED"
    SLOW = "SLOW"
    MISCOUNTED = "MISCOUNTED"
    DRIFTED = "DRIFTED"
    UNREADABLE = "UNREADABLE"


@dataclass(frozen=True, slots=True)
class SystemReport:
    """What came of asking one system.

    Attributes:
        conditions: What is wrong with it, the worst first; empty where nothing is.
        answered_seconds: How long it took to answer at all; None where it did not.
        feeds: How many of its feeds were read.
        rows: How many rows they held.
        said: What is wrong in words for a person, one line each.
    """

    system: str
    conditions: tuple[Condition, ...]
    answered_seconds: float | None
    feeds: int
    rows: int
    said: tuple[str, ...]


@dataclass
class _Asking:
    """What one system has answered so far; written by its own thread, read by the caller's when that is over."""

    system: str
    entities: tuple[str, ...]
    answered_seconds: float | None = None
    refusal: FulfillmentError | None = None
    snapshots: list[tuple[Snapshot, float]] = field(default_factory=list)
    failures: list[FulfillmentError] = field(default_factory=list)
    reading: str = ""
    crash: Exception | None = None

    @property
    def feed(self) -> str:
        """The feed that was being read last."""
        return f"{self.system}/{self.reading}"


def check_systems(
    platform: Platform,
    *,
    reads: bool = True,
    done: Callable[[SystemReport], None] = lambda _: None,
    monotonic: Callable[[], float] = time.monotonic,
) -> list[SystemReport]:
    """Ask every system at once, and wait no longer than the distributor file allows.

    A system that hangs is left alone: its thread ends with the process.

    Args:
        platform: The platform; its ledger is prepared, its lake is not touched.
        reads: Read all entities as well, to count rows and to see drift.
        done: Told each report as soon as it stands.
        monotonic: Seconds that only ever grow.
    """
    ends_at = monotonic() + platform.distributor.checks.limit_seconds
    with platform.ledger.reading() as work:
        agreed = agreed_shapes(work)
    answered: SimpleQueue[_Asking] = SimpleQueue()
    asked = [
        _Asking(name, tuple(declaration.entities) if reads else ())
        for name, declaration in platform.registry.declarations.items()
    ]
    for asking in asked:
        work_of = (platform, asking, answered, monotonic)
        threading.Thread(target=_ask, args=work_of, name=f"check-{asking.system}", daemon=True).start()
    reports: dict[str, SystemReport] = {}
    with _Judge(platform, agreed) as judge:
        for asking in _until(answered, len(asked), lambda: ends_at - monotonic()):
            reports[asking.system] = judge.report(asking, finished=True)
            done(reports[asking.system])
        for asking in asked:
            if asking.system not in reports:
                reports[asking.system] = judge.report(asking, finished=False)
                done(reports[asking.system])
    return [reports[asking.system] for asking in asked]


def _until(answered: SimpleQueue[_Asking], expected: int, left_seconds: Callable[[], float]) -> Iterator[_Asking]:
    """Yield what is answered in time; also what came while an answer was judged."""
    for _ in range(expected):
        try:
            left = left_seconds()
            yield answered.get(timeout=left) if left > 0 else answered.get_nowait()
        except Empty:
            return


def _ask(platform: Platform, asking: _Asking, answered: SimpleQueue[_Asking], monotonic: Callable[[], float]) -> None:
    began = monotonic()
    try:
        platform.registry.check(asking.system)
        asking.answered_seconds = monotonic() - began
        for entity in asking.entities:
            asking.reading = entity
            _read(platform, asking, entity, monotonic)
    except FulfillmentError as error:
        asking.refusal = error
    except Exception as error:  # noqa: BLE001 - raised again by the thread that waits
        asking.crash = error
    answered.put(asking)


def _read(platform: Platform, asking: _Asking, entity: str, monotonic: Callable[[], float]) -> None:
    began = monotonic()
    try:
        snapshot = platform.registry.source(asking.system, entity).pull(Scope())
    except FulfillmentError as error:
        asking.failures.append(error)
    else:
        asking.snapshots.append((snapshot, monotonic() - began))


class _Judge:
    """Says of answers what is wrong with them."""

    def __init__(self, platform: Platform, agreed: AgreedShapes) -> None:
        self._platform = platform
        self._agreed = agreed
        self._layouts = {(feed.system, feed.entity): feed.layout for feed in platform.feeds}
        self._folder = tempfile.TemporaryDirectory(prefix="systems-check-")
        self._stage: Warehouse = scratch()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stage.close()
        self._folder.cleanup()

    def report(self, asking: _Asking, *, finished: bool) -> SystemReport:
        """Return what is wrong with a system, by what it has answered.

        Raises:
            Exception: Asking it broke in a way that is nobody's answer.
        """
        if asking.crash is not None:
            raise asking.crash
        snapshots = list(asking.snapshots)
        told = [
            *self._of_reach(asking, finished=finished),
            *(_of_failure(error) for error in list(asking.failures)),
        ]
        rows = 0
        for snapshot, seconds in snapshots:
            received, problems = self._of_snapshot(snapshot, seconds)
            rows += received
            told += problems
        return SystemReport(
            system=asking.system,
            conditions=tuple(one for one in Condition if one in {condition for condition, _ in told}),
            answered_seconds=asking.answered_seconds,
            feeds=len(snapshots),
            rows=rows,
            said=tuple(words for _, words in told),
        )

    def _of_reach(self, asking: _Asking, *, finished: bool) -> Iterator[tuple[Condition, str]]:
        limit = self._platform.distributor.checks.limit_seconds
        if asking.refusal is not None:
            refused = isinstance(asking.refusal, ConfigurationError) or not isinstance(asking.refusal, RetryableError)
            yield Condition.REFUSED if refused else Condition.DOWN, str(asking.refusal)
        elif asking.answered_seconds is None:
            yield Condition.DOWN, f"{asking.system} gave no answer within {limit:g} seconds."
        elif asking.answered_seconds > self._slow_after(asking.system):
            yield Condition.SLOW, self._slowness(asking.system, asking.system, asking.answered_seconds)
        if not finished and asking.answered_seconds is not None:
            others = len(asking.entities) - len(asking.snapshots) - len(asking.failures) - 1
            behind = f", nor were {others} other feeds that come after it" if others else ""
            yield Condition.SLOW, f"{asking.feed} was not read within {limit:g} seconds{behind}."

    def _of_snapshot(self, snapshot: Snapshot, seconds: float) -> tuple[int, list[tuple[Condition, str]]]:
        feed = f"{snapshot.system}/{snapshot.entity}"
        told = []
        if seconds > self._slow_after(snapshot.system):
            told.append((Condition.SLOW, self._slowness(snapshot.system, feed, seconds)))
        try:
            decoded, drifted = self._decoded(snapshot)
        except BadDataError as error:
            return 0, [*told, _of_failure(error)]
        if snapshot.declared_rows not in {None, decoded.landed_rows}:
            words = f"{feed} says that it has {snapshot.declared_rows:,} rows and sent {decoded.landed_rows:,}."
            told.append((Condition.MISCOUNTED, words))
        elif not snapshot.complete:
            told.append((Condition.UNREADABLE, snapshot.problem))
        told += [(Condition.DRIFTED, f"{feed}: {drift_in_words(one)}") for one in drifted]
        return decoded.landed_rows, told

    def _decoded(self, snapshot: Snapshot) -> tuple[DecodedSnapshot, tuple[Difference, ...]]:
        version = self._platform.registry.declaration(snapshot.system).contract_version
        area = LandingArea(Path(self._folder.name))
        landed = area.land(snapshot, contract_version=version, pulled_at=snapshot.as_of, duration_seconds=0)
        with self._stage.reading() as cursor:
            decoded = decode(cursor, landed, self._layouts[snapshot.system, snapshot.entity])
        return decoded, drift_of(self._platform, landed, decoded, self._agreed).differences

    def _slow_after(self, system: str) -> float:
        declared = self._platform.registry.declaration(system).slow_after_seconds
        return declared or self._platform.distributor.checks.slow_after_seconds

    def _slowness(self, system: str, what: str, seconds: float) -> str:
        return f"{what} took {seconds:.1f} seconds to answer; it is slow after {self._slow_after(system):g}."


def _of_failure(error: FulfillmentError) -> tuple[Condition, str]:
    match error:
        case InterfaceChangedError():
            return Condition.DRIFTED, str(error)
        case ConfigurationError():
            return Condition.REFUSED, str(error)
        case RetryableError():
            return Condition.DOWN, str(error)
        case _:
            return Condition.UNREADABLE, str(error)


def drift_in_words(difference: Difference) -> str:
    """Return one difference as one line for a person."""
    told = {
        DriftKind.ADDED: f"added {difference.field} ({difference.found})",
        DriftKind.REMOVED: f"removed {difference.field} ({difference.agreed})",
        DriftKind.RENAMED: f"renamed {difference.agreed} to {difference.found}, by the looks of it: {difference.note}",
        DriftKind.RETYPED: f"retyped {difference.field} from {difference.agreed} to {difference.found}",
        DriftKind.EMPTIED: f"emptied {difference.field}, which had {difference.agreed}",
        DriftKind.NEW_CODE: f"new code in {difference.field}: {difference.found}",
    }[difference.kind]
    return told if difference.matters else f"{told}; {_HARMLESS}"
