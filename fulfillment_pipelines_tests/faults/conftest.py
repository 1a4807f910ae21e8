"""What the tests of bad input and failures share: a small distributor in memory, and the table of faults.

The distributor stands on a real lake and ledger. The table, `docs/faults.md`, is what the tests say of themselves with
`fault_outcome`: each test fails when the committed table says anything else of it, and `make docs-faults` writes it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.canonical.admission import Admission
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.reconcile.runner import Reconciliation
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.snapshots.pulling import PullAttempt
from fulfillment_pipelines.systems.declaration import MemoryDeclaration, load_declaration
from fulfillment_pipelines.systems.memory import MemoryRow, MemorySystem
from fulfillment_pipelines_tests.small_site import NOON
from fulfillment_pipelines_tests.small_site import site_rows as rows_of_site

SMALL = Path(__file__).parents[1] / "small_distributor"
SYSTEMS = ("erp", "portal", "wms_east", "finance")

FAULTS_TABLE = Path(__file__).parents[2] / "docs" / "faults.md"
WRITES_THE_TABLE = "WRITE_FAULTS_TABLE"
TABLE_BEGINS = """\
# What goes wrong, and what comes of it

Every row is a test that injects the fault for real: over HTTP, in the process, in the database. "Effects" is what the
target itself has counted when everything is over. In every case nothing is lost and the audit chain verifies.

Written by `make docs-faults` from what the tests record; a test fails when its rows are not these.

| Fault | How it is injected | What the platform does, and what the ledger says in the end | Effects | Ledger | Test |
|---|---|---|---|---|---|
"""
# What makes no difference to a row: the ledger has a column of its own, and both kinds of target must end alike.
_WHERE_IN_A_NAME = re.compile(r"(?<=[\[-])(?:sqlite|postgresql|keyed|unkeyed)(?:-|(?=\]))")


@dataclass(frozen=True)
class FaultRow:
    """One row of the table of faults, its cells in their order."""

    fault: str
    injected: str
    outcome: str
    effects: str
    ledgers: tuple[str, ...]
    test: str

    @classmethod
    def parsed(cls, line: str) -> FaultRow:
        fault, injected, outcome, effects, ledgers, test = (cell.strip() for cell in line.strip("|\n ").split(" | "))
        return cls(fault, injected, outcome, effects, tuple(ledgers.split(", ")), test.strip("`"))

    @property
    def file(self) -> str:
        return self.test.partition("::")[0]

    def __str__(self) -> str:
        cells = (self.fault, self.injected, self.outcome, self.effects, ", ".join(self.ledgers), f"`{self.test}`")
        return f"| {' | '.join(cells)} |"


_ROWS = pytest.StashKey[list[FaultRow]]()
_HAS_FAILED = pytest.StashKey[bool]()


def small_systems(clock: FixedClock, orders: int) -> dict[str, MemorySystem]:
    """Return the systems of the small distributor, holding orders that they all agree on."""
    systems = {}
    for name in SYSTEMS:
        declaration = load_declaration(SMALL / f"{name}.yaml")
        assert isinstance(declaration, MemoryDeclaration)
        systems[name] = MemorySystem(declaration, clock)
    for (name, entity), rows in rows_of_site(orders).items():
        systems[name].rows[entity].extend(rows)
    return systems


@dataclass
class Small:
    """The platform of the small distributor, with its systems and its clock at hand."""

    platform: Platform
    clock: FixedClock
    systems: dict[str, MemorySystem]
    admitted: list[Admission] = field(default_factory=list)

    def another_process(self) -> Platform:
        """Return a second platform on the same lake, ledger and systems; close it."""
        return _open(self.platform.settings, self.clock, self.systems)

    def row(self, system: str, entity: str, position: int = 0) -> MemoryRow:
        """Return a row of a system, to be changed in place."""
        return self.systems[system].rows[entity][position]

    def later(self, minutes: float = 5) -> None:
        """Let time pass; a negative number turns the clocks back."""
        self.clock.at += timedelta(minutes=minutes)

    def pull(self, *names: str) -> dict[str, PullAttempt]:
        """Pull systems, or all of them; return the attempts by feed."""
        attempts = stages.pull(self.platform, names or None)
        return {f"{attempt.system}/{attempt.entity}": attempt for attempt in attempts}

    def admit(self) -> dict[str, Admission]:
        """Admit what has landed; return the last admission of each feed."""
        self.admitted = stages.admit(self.platform)
        return {f"{admission.system}/{admission.entity}": admission for admission in self.admitted}

    def reconcile(self, *, full: bool = False) -> Reconciliation:
        """Reconcile, and stop when a promise is broken."""
        reconciliation = stages.reconcile(self.platform, full=full)
        stages.require_invariants(reconciliation)
        return reconciliation

    def turn(self, *names: str) -> dict[str, Admission]:
        """Pull, admit and reconcile once."""
        self.pull(*names)
        admissions = self.admit()
        self.reconcile()
        return admissions

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query of the lake."""
        return [tuple(row.values()) for row in self.platform.warehouse.query(statement).to_pylist()]

    def findings(self) -> set[tuple[str, str, str]]:
        """Return code, business key and verdict of every finding."""
        return set(self.rows("select code, business_key, verdict from rec_findings"))


@pytest.fixture(scope="session")
def site_rows() -> Callable[[int], dict[tuple[str, str], list[MemoryRow]]]:
    """Return the rows of a site that agrees on so many orders, by system and entity."""
    return rows_of_site


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    """Three orders that all systems agree on, not yet pulled, and a scratch lake: what is tested is what it says."""
    scratch = Settings(runtime_dir=tmp_path, duckdb_threads=1).model_copy(update={"lake_catalog": "scratch:"})
    yield from _small(scratch)


@pytest.fixture
def small_on_disk(tmp_path: Path) -> Iterator[Small]:
    """The same with a lake on disk, which another process can open."""
    yield from _small(Settings(runtime_dir=tmp_path, duckdb_threads=1))


def _small(settings: Settings) -> Iterator[Small]:
    clock = FixedClock(NOON)
    systems = small_systems(clock, orders=3)
    with _open(settings, clock, systems) as platform:
        platform.prepare()
        yield Small(platform, clock, systems)


def _open(settings: Settings, clock: FixedClock, systems: Mapping[str, MemorySystem]) -> Platform:
    config = SMALL / "distributor.yaml"
    return build_platform(settings, config=config, clock=clock, ready_made=list(systems.values()))


def _shown_as(nodeid: str) -> str:
    """Return file and name of a test, whatever ledger and kind of target it runs on."""
    path, _, name = nodeid.partition("::")
    name = _WHERE_IN_A_NAME.sub("", name).replace("-]", "]").replace("[]", "")
    return f"{Path(path).name}::{name}"


def _committed_rows() -> list[FaultRow]:
    lines = FAULTS_TABLE.read_text(encoding="utf-8").splitlines() if FAULTS_TABLE.exists() else []
    return [FaultRow.parsed(line) for line in lines if line.startswith("| ") and not line.startswith("| Fault |")]


@pytest.fixture(scope="session")
def fault_rows() -> Sequence[FaultRow]:
    """The rows of the committed table of faults."""
    return _committed_rows()


@pytest.fixture(scope="session")
def shown_as() -> Callable[[str], str]:
    """Return how the table of faults names a test."""
    return _shown_as


FaultOutcome = Callable[..., None]


@pytest.fixture
def fault_outcome(request: pytest.FixtureRequest, fault_rows: Sequence[FaultRow]) -> Iterator[FaultOutcome]:
    """Record what came of an injected fault, as rows of `docs/faults.md`.

    Call it when everything was asserted: `fault_outcome(fault=, injected=, outcome=, effects=)`, once for each row.
    The ledger is the one that the test is given, or SQLite.
    """
    callspec = getattr(request.node, "callspec", None)
    on_postgresql = callspec is not None and callspec.params.get("ledger_url") == "postgresql"
    ledger, test = "PostgreSQL" if on_postgresql else "SQLite", _shown_as(request.node.nodeid)
    recorded: list[FaultRow] = []

    def record(*, fault: str, injected: str, outcome: str, effects: str | int) -> None:
        row = FaultRow(fault, injected, outcome, str(effects), (ledger,), test)
        assert FaultRow.parsed(str(row)) == row, "a cell holds what parts cells"
        recorded.append(row)

    yield record
    if WRITES_THE_TABLE in os.environ:
        request.config.stash[_ROWS].extend(recorded)
        return
    if request.node.stash.get(_HAS_FAILED, False):
        return  # before it came to record anything, and it says why
    committed = [replace(row, ledgers=(ledger,)) for row in fault_rows if row.test == test and ledger in row.ledgers]
    assert set(recorded) == set(committed), "docs/faults.md says otherwise: run `make docs-faults`"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test's fixtures know that it has failed."""
    report = yield
    item.stash[_HAS_FAILED] = report.failed
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where the table is to be written, run what is in it and nothing else."""
    if WRITES_THE_TABLE in os.environ:
        config.stash[_ROWS] = []
        items[:] = [item for item in items if "fault_outcome" in getattr(item, "fixturenames", ())]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the table, if every test of some files has passed; the rows of other files stay as they are."""
    rows = session.config.stash.get(_ROWS, [])
    if exitstatus != pytest.ExitCode.OK or not rows or session.config.option.keyword:
        return
    ledgers: dict[FaultRow, list[str]] = {}
    for row in rows:
        seen = ledgers.setdefault(replace(row, ledgers=()), [])
        seen.extend(ledger for ledger in row.ledgers if ledger not in seen)
    written = {row.file for row in rows}
    kept = [row for row in _committed_rows() if row.file not in written]
    table = sorted(
        [*kept, *(replace(row, ledgers=tuple(seen)) for row, seen in ledgers.items())], key=lambda row: row.file
    )
    FAULTS_TABLE.write_text(TABLE_BEGINS + "".join(f"{row}\n" for row in table), encoding="utf-8")
