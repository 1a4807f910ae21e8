"""One system: what it is, what is read from it and written to it, what it sent last, and who depends on it now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.feed_rows import LakeView, doubted_nodes, read_lake_view
from fulfillment_pipelines.console.reading.integrations import Live, SystemRow, read_live, system_rows
from fulfillment_pipelines.console.reading.lake import ask_lake
from fulfillment_pipelines.console.refusals import NotThereError
from fulfillment_pipelines.corrections.rights.authority import Grant
from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.explanation.questions import Row
from fulfillment_pipelines.ledger.backlog import DeadLetter, read_dead_letters
from fulfillment_pipelines.ledger.readings import overdue_orders
from fulfillment_pipelines.ledger.switches import EngagedSwitch, KillSwitch, SwitchScope, engaged_since
from fulfillment_pipelines.systems.declaration import SystemDeclaration

_LAST: Final = 50
_MOST_ORDERS: Final = 20


@dataclass(frozen=True, slots=True)
class WrittenMessage:
    """One message that the system takes.

    Attributes:
        name: The message.
        grants: The rows of the decision rights that let it go to a system of this role; none for never.
    """

    name: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class ReadEntity:
    """One entity that is read."""

    entity: str
    contract: str
    key: str
    field_count: int


@dataclass(frozen=True, slots=True)
class SystemPage:
    """The page.

    Attributes:
        now: The moment it speaks of.
        row: The system as it stands among the others.
        transport: How it is reached.
        contract_version: Version of the interface agreed with its owner.
        freshness_seconds: How old what it says may be.
        entities: What is read.
        messages: What is written.
        lake: Its drift, quarantine and failures.
        live: How the live loop is doing.
        snapshots: The last, the latest first.
        pulls: The last attempts, the latest first.
        dependents: Orders that depend on it while it is doubted, those most at risk first.
        switches: What stops it: its own switch and that for everything.
        dead_letters: What was given up.
    """

    now: datetime
    row: SystemRow
    transport: str
    contract_version: str
    freshness_seconds: int
    entities: tuple[ReadEntity, ...]
    messages: tuple[WrittenMessage, ...]
    lake: LakeView
    live: Live
    snapshots: tuple[Row, ...]
    pulls: tuple[Row, ...]
    dependents: tuple[Row, ...]
    switches: tuple[EngagedSwitch, ...]
    dead_letters: tuple[DeadLetter, ...]

    @property
    def chart(self) -> Mapping[str, Any]:
        """Rows of the last snapshots by the moment they were pulled, those kept out apart."""
        shown = list(reversed(self.snapshots))
        return {
            "legend": {},
            "xAxis": {
                "type": "category",
                "data": [f"{row['entity']} {row['pulled_at']:%m-%d %H:%M}" for row in shown],
                "axisLabel": {"show": False},
            },
            "yAxis": {"type": "value"},
            "series": [
                _bars("let in", [row["landed_rows"] - row["quarantined_rows"] for row in shown]),
                _bars("in quarantine", [row["quarantined_rows"] for row in shown]),
            ],
        }


def read_system(console: Console, name: str) -> SystemPage:
    """Return the page of one system.

    Raises:
        NotThereError: No system has that name.
    """
    declared = console.platform.registry.declarations.get(name)
    if declared is None:
        raise NotThereError(
            f"There is no system '{name}'.",
            expected=f"one of {', '.join(console.platform.registry.systems)}",
            found=name,
            remedy="choose one on the page /integrations",
        )
    now = console.now()
    with console.reading() as work:
        overdue = overdue_orders(work, now)
    lake, live = read_lake_view(console, now, overdue, name), read_live(console)
    with console.reading() as work:
        row = next(one for one in system_rows(work, console, lake, live) if one.name == name)
        switches = [one for one in engaged_since(work) if one.switch in _covering(name)]
        letters = read_dead_letters(work, [name])
    return SystemPage(
        now=now,
        row=row,
        transport=_transport_of(declared),
        contract_version=declared.contract_version,
        freshness_seconds=declared.freshness_seconds,
        entities=tuple(_entities(declared)),
        messages=tuple(_messages(console, declared)),
        lake=lake,
        live=live,
        snapshots=_asked(console, "integration_snapshots", {"system": name, "most": _LAST}),
        pulls=_asked(console, "integration_pulls", {"system": name, "only_failed": False, "most": _LAST}),
        dependents=_asked(
            console,
            "integration_dependent_orders",
            {"system": name, "nodes": doubted_nodes(row.feeds), "most": _MOST_ORDERS},
        ),
        switches=tuple(switches),
        dead_letters=tuple(letters),
    )


def _covering(name: str) -> frozenset[KillSwitch]:
    return frozenset({KillSwitch(SwitchScope.TARGET, name), KillSwitch(SwitchScope.EVERYTHING)})


def _asked(console: Console, question: str, parameters: Mapping[str, object]) -> tuple[Row, ...]:
    """Return the rows of a question; none where the lake does not answer, which the page says already."""
    try:
        return tuple(ask_lake(console.questions, question, parameters))
    except RetryableError:
        return ()


def _entities(declared: SystemDeclaration) -> Sequence[ReadEntity]:
    return [
        ReadEntity(name, entity.contract, ", ".join(entity.key), len(entity.fields))
        for name, entity in declared.entities.items()
    ]


def _messages(console: Console, declared: SystemDeclaration) -> Sequence[WrittenMessage]:
    grants = console.policies.authority.grants
    return [
        WrittenMessage(
            name, tuple(grant for grant in grants if grant.message == name and declared.role in grant.receivers)
        )
        for name in sorted(declared.messages)
    ]


def _transport_of(declared: SystemDeclaration) -> str:
    transport = getattr(declared, "transport", None)
    kind = getattr(transport, "kind", "")
    return str(kind)


def _bars(name: str, values: Sequence[int]) -> Mapping[str, Any]:
    return {"name": name, "type": "bar", "stack": "rows", "data": list(values)}
