"""Worlds in which every contract is spoken of and every rule applies, and two platforms that watch each.

The systems are made from the contracts and from what the rules compare: a field of a system is named like the
canonical column, so that a new contract or rule takes part by itself. What they say belongs to the tests' own folders.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.reconcile.rules import read_rules
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.sql_models import read_models
from fulfillment_pipelines.systems.declaration import MemoryDeclaration, load_declaration
from fulfillment_pipelines.systems.memory import MemoryRow, MemorySystem

PROJECT = Path(__file__).parents[3]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FOLDERS = ("00_operations", "20_canonical", "30_reconcile", "40_marts", "checks")
SITES = ("EAST", "WEST")
# What no rule compares, or only one that does not ask for it, and who would say it.
FURTHER_FEEDS = {("erp", "charges"), ("carrier", "milestones"), ("channel", "shipment_lines"), ("erp", "items")}
# Evidence names snapshots, and a row that did not change keeps the snapshot it came in.
# With what tables were made, and what only a full run learns.
LEARNED = {"rec_editions", "rec_lags"}
NOT_COMPARED = {"snapshot_id", "as_of", "evidence", "erp_snapshot_id", "wms_snapshot_id"}
_COLUMNS = """
    select table_name, column_name
    from duckdb_columns()
    where database_name = 'lake' and (starts_with(table_name, 'canon_') or starts_with(table_name, 'rec_'))
    order by table_name, column_index
"""


Rows = dict[tuple[str, str], list[MemoryRow]]


@dataclass
class World:
    """The systems, and two platforms that watch them: one revisits what changed, the other everything."""

    systems: dict[str, MemorySystem]
    clock: FixedClock
    incremental: Platform
    full: Platform

    @property
    def rows(self) -> Rows:
        """The rows of all systems, as they stand: who changes them changes the systems."""
        return {(name, entity): rows for name, system in self.systems.items() for entity, rows in system.rows.items()}

    def begin(self, rows: Rows) -> None:
        """Fill the systems and let both platforms look at everything."""
        for (system, entity), told in rows.items():
            empty = dict.fromkeys(self.systems[system].declaration.entities[entity].fields)
            self.systems[system].rows[entity] = [empty | row for row in told]
        self.run(tuple(self.systems))

    def step(self, minutes: int, pulled: Collection[str] = (), *, down: str = "", breaks_off: str = "") -> None:
        """Let time pass, then let both platforms look.

        Args:
            minutes: How much passes; less than none where the clock is put back.
            pulled: Which systems are asked; none for all.
            down: The system that does not answer.
            breaks_off: The system whose answers end after the first page.
        """
        self.clock.at += timedelta(minutes=minutes)
        with self._trouble(down, breaks_off):
            self.run(tuple(name for name in self.systems if not pulled or name in pulled))

    def run(self, pulled: tuple[str, ...]) -> None:
        """Pull, admit and reconcile on both platforms."""
        for platform, full in ((self.incremental, False), (self.full, True)):
            stages.pull(platform, pulled)
            stages.admit(platform)
            stages.reconcile(platform, full=full)

    def disagreements(self) -> dict[str, tuple[list[str], list[str]]]:
        """What each of the two says that the other does not, by table."""
        found = {}
        for statement in self._compared():
            said = [
                sorted(str(row) for row in platform.warehouse.query(statement).to_pylist())
                for platform in (self.incremental, self.full)
            ]
            if said[0] != said[1]:
                only = [[row for row in said[one] if row not in said[1 - one]] for one in (0, 1)]
                found[statement] = (only[0], only[1])
        return found

    def codes(self) -> set[str]:
        """The codes of what is found now."""
        found = self.full.warehouse.query("select distinct code from rec_findings")
        return {row["code"] for row in found.to_pylist()}

    def _compared(self) -> Iterator[str]:
        rows = self.full.warehouse.query(_COLUMNS).to_pylist()
        for table, columns in groupby(rows, key=lambda row: row["table_name"]):
            if table not in LEARNED:
                names = [row["column_name"] for row in columns if row["column_name"] not in NOT_COMPARED]
                yield f"select {', '.join(names)} from {table}"

    @contextmanager
    def _trouble(self, down: str, breaks_off: str) -> Iterator[None]:
        if down:
            self.systems[down].switches.down = True
        if breaks_off:
            self.systems[breaks_off].switches.fails_on_page = 2
        yield
        for system in self.systems.values():
            system.switches.down, system.switches.fails_on_page = False, None


def _spoken() -> dict[str, list[tuple[str, str, tuple[str, ...]]]]:
    """Return, by system, its entities: role and contract, from everything that rules compare."""
    rules = read_rules(read_models(PROJECT / "sql" / "30_reconcile" / "rules"))
    needs = {(need.role.value, need.contract) for rule in rules for need in rule.feeds} | FURTHER_FEEDS
    roles = {"erp": "erp", "channel": "portal", "finance": "finance", "carrier": "tms", "crm": "crm"}
    systems: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {}
    for role, contract in sorted(needs):
        names = [f"wms_{site.lower()}" for site in SITES] if role == "wms" else [roles[role]]
        for name in names:
            columns = tuple(column.name for column in CONTRACTS[contract].columns)
            systems.setdefault(name, []).append((role, contract, columns))
    return systems


def _write_project(folder: Path) -> None:
    """Write a project of its own: the shipped SQL and seeds, and systems that speak canonically."""
    sql = folder / "sql"
    (sql / "10_snapshots").mkdir(parents=True)
    for name in FOLDERS:
        (sql / name).symlink_to(PROJECT / "sql" / name)
    systems = _spoken()
    for system, entities in systems.items():
        node = system.removeprefix("wms_").upper() if system.startswith("wms_") else None
        declaration = {
            "system": system,
            "title": system,
            "role": entities[0][0],
            **({"node": node} if node else {}),
            "contract_version": "1",
            "freshness_seconds": 3600,
            "transport": {"kind": "memory"},
            "entities": {
                contract: {
                    "contract": contract,
                    "size": 2,
                    "fields": list(columns),
                    "key": list(CONTRACTS[contract].key),
                }
                for _, contract, columns in entities
            },
        }
        (folder / f"{system}.yaml").write_text(json.dumps(declaration))
        for _, contract, columns in entities:
            mapping = f"select landed_row_no, {', '.join(columns)} from landed"
            (sql / "10_snapshots" / f"snap_{system}__{contract}.sql").write_text(mapping)
    distributor = {
        "distributor": "random",
        "title": "Random worlds",
        "clock": "wall",
        "systems": [f"{system}.yaml" for system in systems],
        "seeds": str(PROJECT / "data" / "seeds"),
    }
    (folder / "distributor.yaml").write_text(json.dumps(distributor))


def _watching(
    folder: Path,
    name: str,
    clock: FixedClock,
    systems: Mapping[str, MemorySystem],
    *,
    on_disk: bool = False,
    in_copy: bool = False,
) -> Platform:
    settings = Settings(project_root=folder, runtime_dir=folder / name, duckdb_threads=1, working_copy=in_copy)
    platform = build_platform(
        settings if on_disk else settings.model_copy(update={"lake_catalog": "scratch:"}),
        config=folder / "distributor.yaml",
        clock=clock,
        ready_made=list(systems.values()),
    )
    platform.prepare()
    return platform


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose systems are made from the contracts."""
    folder = tmp_path_factory.mktemp("project")
    _write_project(folder)
    return folder


@pytest.fixture(scope="session")
def open_world(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Any]:
    """Return a function that opens a new world for the length of a block.

    What watches it incrementally may do so in a real lake, which knows more of its tables than one of memory, and in
    a working copy of one.
    """

    @contextmanager
    def opened(*, on_disk: bool = False, in_copy: bool = False) -> Iterator[World]:
        clock = FixedClock(NOON)
        systems: dict[str, MemorySystem] = {}
        for file in sorted(project.glob("*.yaml")):
            if file.name != "distributor.yaml":
                declaration = load_declaration(file)
                assert isinstance(declaration, MemoryDeclaration)
                systems[declaration.name] = MemorySystem(declaration, clock)
        names = tmp_path_factory.mktemp("world").name
        with (
            closing(
                _watching(project, f"{names}-incremental", clock, systems, on_disk=on_disk, in_copy=in_copy)
            ) as incremental,
            closing(_watching(project, f"{names}-full", clock, systems)) as full,
        ):
            yield World(systems, clock, incremental, full)

    return opened
