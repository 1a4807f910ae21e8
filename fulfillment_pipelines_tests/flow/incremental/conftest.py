"""Random worlds of a distributor in which every contract is spoken of and every rule applies.

The systems are made from the contracts and from what the rules compare: a field of a system is named like the
canonical column, so that a new contract or rule takes part by itself. Values come from small pools, so that rows meet.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.canonical.vocabulary import Column, ColumnType, Contract
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

_TEXTS: Mapping[str, tuple[str | None, ...]] = {
    "order_id": ("SO-1", "SO-2", "SO-3"),
    "channel_order_id": ("PO-1", "PO-2", "PO-3", None),
    "shipment_id": ("SH-1", "SH-2", "SH-3"),
    "release_id": ("R-1", "R-2"),
    "reservation_id": ("RV-1", "RV-2"),
    "supply_id": ("IN-1", "IN-2"),
    "movement_id": ("M-1", "M-2", "M-3"),
    "hold_id": ("H-1", "H-2"),
    "invoice_id": ("I-1", "I-2", "I-3"),
    "return_id": ("RT-1", "RT-2"),
    "pack_id": ("P-1", "P-2"),
    "case_id": ("K-1", "K-2"),
    "milestone_id": ("E-1", "E-2", "E-3", "E-4"),
    "charge_id": ("G-1", "G-2"),
    "document_id": ("D-1", "D-2"),
    "customer_id": ("C-1", "C-2"),
    "party_id": ("C-1", "C-2"),
    "partner_id": ("C-1", "C-2"),
    "ship_to_id": ("L-1", "L-2"),
    "sku": ("BRG-1001", "VLV-1001"),
    "own_id": ("BRG-1001", "VLV-1001"),
    "substitute_sku": ("BRG-1001", None, None),
    "foreign_sku": ("F-1", "F-2", None),
    "foreign_id": ("F-1", "F-2"),
    "uom": ("EA", "EA", "EA", "EA", "CS", "CS", "PALLET"),
    "base_uom": ("EA",),
    "currency": ("USD",),
    "channel": ("PORTAL", "EDI", None),
    "customer_po": ("P-1", "P-2", None),
    "payment_terms": ("NET30", "NET60"),
    "placed_by": ("finance",),
    "carrier_id": ("K-A", "K-B"),
    "lane": ("EAST-SOUTH",),
    "node": SITES,
}
_QUANTITIES = ("0", "1", "2", "5", "12")
_SIGNED = ("-5", "-1", "1", "40")
_AMOUNTS = ("1.00", "2.50", "30.00")
_MINUTES = (-6000, -3000, -600, -90, -30, -10, -3)


class ChangeKind(StrEnum):
    """What happens to the rows of one entity."""

    REPLACED = "replaced"
    ALTERED = "altered"
    DELETED = "deleted"
    REPEATED = "repeated"
    AS_BEFORE = "as before"


@dataclass(frozen=True)
class Change:
    """Something that happens in a system; `seed` decides which entity, which rows and which values."""

    kind: ChangeKind
    seed: int


@dataclass(frozen=True)
class Step:
    """What happens between two runs.

    Attributes:
        changes: What happens in the systems.
        minutes: How much time passes; less than none where a system's clock is put back.
        pulled: Which systems are asked, by number.
        down: The system that does not answer; beyond the last for none.
        breaks_off: The system whose answers end after the first page; beyond the last for none.
    """

    changes: tuple[Change, ...]
    minutes: int
    pulled: tuple[int, ...]
    down: int
    breaks_off: int


@dataclass
class World:
    """The systems, and two platforms that watch them: one revisits what changed, the other everything."""

    folder: Path
    systems: dict[str, MemorySystem]
    clock: FixedClock
    incremental: Platform
    full: Platform
    earlier: dict[tuple[str, str], list[MemoryRow]] = field(default_factory=dict)

    def begin(self, seed: int) -> None:
        """Fill every entity and let both look at everything."""
        dice = random.Random(seed)
        for system, entity in self.feeds:
            self.systems[system].rows[entity] = self._random_rows(system, entity, dice)
        self.run(tuple(self.systems))

    def step(self, step: Step) -> None:
        """Let the step happen, then let both look."""
        for change in step.changes:
            self._change(change)
        self.clock.at += timedelta(minutes=step.minutes)
        names = list(self.systems)
        with self._trouble(dict(enumerate(names)), step):
            self.run(tuple(names[number % len(names)] for number in step.pulled) or tuple(names))

    def run(self, pulled: tuple[str, ...]) -> None:
        """Pull, admit and reconcile on both platforms."""
        for platform, full in ((self.incremental, False), (self.full, True)):
            stages.pull(platform, pulled)
            stages.admit(platform)
            stages.reconcile(platform, full=full)

    @property
    def feeds(self) -> list[tuple[str, str]]:
        """Every entity of every system."""
        return [(name, entity) for name, system in self.systems.items() for entity in system.declaration.entities]

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

    def _compared(self) -> Iterator[str]:
        rows = self.full.warehouse.query(_COLUMNS).to_pylist()
        for table, columns in groupby(rows, key=lambda row: row["table_name"]):
            if table not in LEARNED:
                names = [row["column_name"] for row in columns if row["column_name"] not in NOT_COMPARED]
                yield f"select {', '.join(names)} from {table}"

    @contextmanager
    def _trouble(self, names: Mapping[int, str], step: Step) -> Iterator[None]:
        down, broken = names.get(step.down), names.get(step.breaks_off)
        if down:
            self.systems[down].switches.down = True
        if broken:
            self.systems[broken].switches.fails_on_page = 2
        yield
        for system in self.systems.values():
            system.switches.down, system.switches.fails_on_page = False, None

    def _change(self, change: Change) -> None:
        dice = random.Random(change.seed)
        system, entity = dice.choice(self.feeds)
        rows = self.systems[system].rows[entity]
        before = [dict(row) for row in rows]
        match change.kind:
            case ChangeKind.REPLACED:
                rows[:] = self._random_rows(system, entity, dice)
            case ChangeKind.ALTERED if rows:
                contract = self._contract(system, entity)
                column = dice.choice(contract.columns)
                dice.choice(rows)[column.name] = _value(column, system, dice)
            case ChangeKind.DELETED if rows:
                rows.remove(dice.choice(rows))
            case ChangeKind.REPEATED if rows:
                rows.append(dict(dice.choice(rows)))
            case ChangeKind.AS_BEFORE:
                rows[:] = self.earlier.get((system, entity), before)
            case _:
                return
        self.earlier[system, entity] = before

    def _random_rows(self, system: str, entity: str, dice: random.Random) -> list[MemoryRow]:
        contract = self._contract(system, entity)
        rows = [
            {column.name: _value(column, system, dice) for column in contract.columns}
            for _ in range(dice.randint(2, 6))
        ]
        return list({tuple(row[name] for name in contract.key): row for row in rows}.values())

    def _contract(self, system: str, entity: str) -> Contract:
        return CONTRACTS[self.systems[system].declaration.entities[entity].contract]


def _value(column: Column, system: str, dice: random.Random) -> str | None:
    """Return a value of the kind the column wants, now and then one that it refuses."""
    if not column.required and dice.random() < 0.25:
        return None
    if dice.random() < 0.01:
        return "nonsense"
    return _fitting(column, system, dice)


def _fitting(column: Column, system: str, dice: random.Random) -> str | None:
    if system == "portal" and column.name == "order_id":
        return dice.choice(("PO-1", "PO-2", "PO-3"))
    if column.name == "node" and system.startswith("wms_"):
        return system.removeprefix("wms_").upper()
    if column.codes:
        return dice.choice(column.codes)
    if column.type is ColumnType.INSTANT:
        return (NOON + timedelta(minutes=dice.choice(_MINUTES))).isoformat()
    if column.type is ColumnType.TEXT:
        return dice.choice(_TEXTS.get(column.name, (f"{column.name}-1", f"{column.name}-2")))
    return dice.choice(_numbers(column))


def _numbers(column: Column) -> tuple[str, ...]:
    if column.type is ColumnType.INTEGER:
        return ("1", "2")
    if column.type is ColumnType.QUANTITY:
        return _QUANTITIES if column.minimum == 0 else (*_QUANTITIES, *_SIGNED)
    return _AMOUNTS


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


def _watching(folder: Path, name: str, clock: FixedClock, systems: Mapping[str, MemorySystem]) -> Platform:
    settings = Settings(project_root=folder, runtime_dir=folder / name, duckdb_threads=1)
    platform = build_platform(
        settings.model_copy(update={"lake_catalog": "scratch:"}),
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
    """Return a function that opens a new world for the length of a block."""

    @contextmanager
    def opened() -> Iterator[World]:
        clock = FixedClock(NOON)
        systems: dict[str, MemorySystem] = {}
        for file in sorted(project.glob("*.yaml")):
            if file.name != "distributor.yaml":
                declaration = load_declaration(file)
                assert isinstance(declaration, MemoryDeclaration)
                systems[declaration.name] = MemorySystem(declaration, clock)
        names = tmp_path_factory.mktemp("world").name
        with (
            closing(_watching(project, f"{names}-incremental", clock, systems)) as incremental,
            closing(_watching(project, f"{names}-full", clock, systems)) as full,
        ):
            yield World(project, systems, clock, incremental, full)

    return opened


@pytest.fixture(scope="session")
def make_step() -> Callable[..., Step]:
    """Return a function that makes a step from plain values."""

    def make(changes: list[tuple[str, int]], **others: Any) -> Step:
        return Step(changes=tuple(Change(ChangeKind(kind), seed) for kind, seed in changes), **others)

    return make
