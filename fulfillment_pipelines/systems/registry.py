"""The systems of one distributor: declared up front, connected on first use, closed together.

The registry finds things; it neither reads nor writes a system itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self, TypeAlias

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.snapshot import Role
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.declaration import (
    EntityDeclaration,
    FilesDeclaration,
    HttpDeclaration,
    MemoryDeclaration,
    NatsDeclaration,
    SqlDeclaration,
    SystemDeclaration,
    WebhookDeclaration,
    load_declaration,
)
from fulfillment_pipelines.systems.port import CorrectionSink, SnapshotSource, System
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.edi.x12.control_numbers import ControlNumbers
from fulfillment_pipelines.systems.transports.events.inbox import Inbox
from fulfillment_pipelines.systems.transports.events.nats import NatsSystem
from fulfillment_pipelines.systems.transports.events.webhooks import WebhookSystem
from fulfillment_pipelines.systems.transports.files.system import FileSystem
from fulfillment_pipelines.systems.transports.http.system import HttpSystem
from fulfillment_pipelines.systems.transports.sql.listening import ChannelListener
from fulfillment_pipelines.systems.transports.sql.system import SqlSystem

Connect: TypeAlias = Callable[[SystemDeclaration, References, Clock], System]
"""Makes a system from its declaration without opening anything."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One entity of one system, as declared.

    Attributes:
        system: Declared name of the system.
        entity: Declared name of the entity.
        declared: What its rows look like and how they are fetched.
    """

    system: str
    entity: str
    declared: EntityDeclaration

    @property
    def name(self) -> str:
        """The feed's name, `system/entity`."""
        return f"{self.system}/{self.entity}"


def connect_declared(
    declaration: SystemDeclaration,
    references: References,
    clock: Clock,
    *,
    control_numbers: ControlNumbers | None = None,
    inbox: Inbox | None = None,
) -> System:
    """Return the system that a declaration describes, not yet connected.

    Args:
        declaration: What it is declared to be.
        references: Where secrets and addresses come from.
        clock: Tells when an answer came.
        control_numbers: Counts the interchanges that are sent to trading partners.
        inbox: Keeps what systems send by themselves.

    Raises:
        ConfigurationError: The system lives in memory and was not handed over ready-made, or there is no inbox.
    """
    match declaration:
        case HttpDeclaration():
            return HttpSystem(declaration, references, clock)
        case SqlDeclaration():
            return SqlSystem(declaration, references, clock)
        case FilesDeclaration():
            return FileSystem(declaration, references, clock, control_numbers)
        case WebhookDeclaration() if inbox is not None:
            return WebhookSystem(declaration, clock, inbox)
        case NatsDeclaration() if inbox is not None:
            return NatsSystem(declaration, references, clock, inbox)
        case WebhookDeclaration() | NatsDeclaration():
            raise ConfigurationError(
                f"The system '{declaration.name}' sends by itself, and there is no inbox for it.",
                expected="an inbox, which every deployment with a ledger has",
                remedy="pass one as `inbox`",
            )
        case MemoryDeclaration():
            raise ConfigurationError(
                f"The system '{declaration.name}' lives in memory and was not handed over.",
                expected="a ready-made system of that name",
                remedy="pass it as `ready_made`, or declare another transport",
            )


class Registry:
    """All systems of a distributor, by name.

    Args:
        declarations: In the order they are listed and pulled.
        references: Where secrets and addresses come from.
        clock: Tells when an answer came, and when it was asked for where the system does not say.
        ready_made: Systems that stand in for the declared ones of the same name.
        connect: Makes the others.

    Raises:
        ConfigurationError: Two systems have one name, or a ready-made one is not declared.
    """

    def __init__(
        self,
        declarations: Sequence[SystemDeclaration],
        references: References,
        clock: Clock,
        *,
        ready_made: Sequence[System] = (),
        connect: Connect = connect_declared,
    ) -> None:
        self._declarations = _by_name(declarations)
        self._references = references
        self._clock = clock
        self._connect = connect
        self._connected: dict[str, System] = {}
        self._lock = threading.Lock()
        for system in ready_made:
            self.declaration(system.name)
            self._connected[system.name] = system

    @classmethod
    def load(
        cls,
        paths: Sequence[Path],
        references: References,
        clock: Clock,
        *,
        ready_made: Sequence[System] = (),
        connect: Connect = connect_declared,
    ) -> Self:
        """Read the declarations of a distributor; nothing is opened and no reference is resolved.

        Raises:
            ConfigurationError: A declaration is wrong, or two have one name.
        """
        declarations = [load_declaration(path) for path in paths]
        return cls(declarations, references, clock, ready_made=ready_made, connect=connect)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def systems(self) -> tuple[str, ...]:
        """Names of all systems, in declared order."""
        return tuple(self._declarations)

    @property
    def declarations(self) -> Mapping[str, SystemDeclaration]:
        """All declarations by name, in declared order."""
        return self._declarations

    def declaration(self, system: str) -> SystemDeclaration:
        """Return what a system is declared to be.

        Raises:
            ConfigurationError: No system has that name.
        """
        if system not in self._declarations:
            raise ConfigurationError(
                f"There is no system named '{system}'.",
                expected=f"one of {', '.join(self._declarations)}",
                remedy="correct the name, or list the system's declaration in the distributor file",
            )
        return self._declarations[system]

    def entities(self) -> tuple[Feed, ...]:
        """Return every declared feed: systems in declared order, entities as their file lists them."""
        return tuple(
            Feed(system=name, entity=entity, declared=declared)
            for name, declaration in self._declarations.items()
            for entity, declared in declaration.entities.items()
        )

    def feed(self, system: str, entity: str) -> Feed:
        """Return one declared feed.

        Raises:
            ConfigurationError: The system or the entity is not declared.
        """
        declared = self.declaration(system).entities.get(entity)
        if declared is None:
            raise ConfigurationError(
                f"The system '{system}' declares no entity '{entity}'.",
                expected=f"one of {', '.join(self.declaration(system).entities) or 'none: it has no entities'}",
                remedy="correct the name, or declare the entity in the system's YAML",
            )
        return Feed(system=system, entity=entity, declared=declared)

    def source(self, system: str, entity: str) -> SnapshotSource:
        """Return the source of one feed.

        Raises:
            ConfigurationError: The system or the entity is not declared.
        """
        self.feed(system, entity)
        return self._system(system).source(entity)

    def sink(self, system: str) -> CorrectionSink:
        """Return the sink of one system.

        Raises:
            ConfigurationError: The system is not declared.
        """
        return self._system(system).sink()

    def acknowledge(self, system: str) -> tuple[str, ...]:
        """Answer what a system's trading partners have sent, as it is declared; return where the new answers lie.

        A system without trading partners has nothing to answer.

        Raises:
            ConfigurationError: The system is not declared.
            SystemDownError: Its folder cannot be read.
            RetryableError: An answer could not be written.
        """
        connected = self._system(system)
        return connected.acknowledge() if isinstance(connected, FileSystem) else ()

    def listener(self, system: str) -> ChannelListener | None:
        """Return what listens where a system tells by itself that it has news; None where it does not.

        Raises:
            ConfigurationError: The system is not declared.
        """
        connected = self._system(system)
        return connected.listener() if isinstance(connected, SqlSystem) else None

    def check(self, system: str) -> None:
        """Return when a system is reachable and accepts the credentials.

        Raises:
            ConfigurationError: It is not declared, or refuses us.
            SystemDownError: It is not reachable.
        """
        self._system(system).check()

    @property
    def references(self) -> References:
        """Where secrets and addresses come from."""
        return self._references

    def connect_apart(self, declaration: SystemDeclaration, references: References) -> System:
        """Return a connection of its own, for a look at a system that may be declared otherwise; the caller closes it.

        A system in memory was handed over ready-made, so that it is returned itself.
        """
        if isinstance(declaration, MemoryDeclaration):
            return self._system(declaration.name)
        return self._connect(declaration, references, self._clock)

    def system_for(
        self,
        role: Role,
        node: str = "",
        message: str = "",
        *,
        order_id: str = "",
        holders: Callable[[], Collection[str]] = tuple,
        stand_ins: Collection[str] = frozenset(),
    ) -> str:
        """Return the name of the one system that has a role at a node.

        Where an old and a new system share a role, the one that holds the order is meant: by what they are declared
        to own, then by where the order was seen. An order that was seen in both has moved to the one declared last.

        Args:
            role: What the system is to the distributor.
            node: The site; a system that declares no node speaks for every site.
            message: What is to be sent: of several systems, the one that takes the message is meant.
            order_id: The order it is about; empty for none.
            holders: Returns the systems in which the order was seen; called only where nothing else decides.
            stand_ins: Systems that are never meant, because they only take the place of others.

        Raises:
            ConfigurationError: No system has that role there, or several have.
        """
        candidates = [
            name
            for name, declaration in self._declarations.items()
            if declaration.role is role and (not declaration.node or declaration.node == node) and name not in stand_ins
        ]
        if len(candidates) > 1 and message:
            candidates = [name for name in candidates if message in self._declarations[name].messages]
        if len(candidates) > 1:
            candidates = self._holding(candidates, order_id, node, holders)
        if len(candidates) != 1:
            place = f" at the node '{node}'" if node else ""
            taking = f" that takes '{message}'" if message else ""
            raise ConfigurationError(
                f"The role '{role}'{place} is not held by exactly one system{taking}.",
                expected="one system, found by its `role`, `node`, `messages` and `owns`",
                found=", ".join(candidates) or "none",
                remedy="correct `role:`, `node:`, `messages:` and `owns:` in the systems' YAML",
            )
        return candidates[0]

    def _holding(
        self, candidates: Sequence[str], order_id: str, node: str, holders: Callable[[], Collection[str]]
    ) -> list[str]:
        owners = [
            name
            for name in candidates
            for owns in [self._declarations[name].owns]
            if owns is None or owns.may_hold(order_id, node)
        ]
        if len(owners) < 2 or not order_id:  # noqa: PLR2004 - nothing is left to decide, or nothing to decide it by
            return owners
        seen_in = holders()
        return [name for name in owners if name in seen_in][-1:] or owners

    def close(self) -> None:
        """Close every connection that was opened, even where closing one fails."""
        with self._lock, ExitStack() as closing:
            for system in self._connected.values():
                closing.callback(system.close)

    def _system(self, name: str) -> System:
        declaration = self.declaration(name)
        with self._lock:
            if name not in self._connected:
                self._connected[name] = self._connect(declaration, self._references, self._clock)
            return self._connected[name]


def _by_name(declarations: Sequence[SystemDeclaration]) -> Mapping[str, SystemDeclaration]:
    by_name: dict[str, SystemDeclaration] = {}
    for declaration in declarations:
        if declaration.name in by_name:
            raise ConfigurationError(
                f"Two systems are named '{declaration.name}'.",
                expected="a name of its own for each system",
                remedy="correct `system:` in one of the declarations",
            )
        by_name[declaration.name] = declaration
    return MappingProxyType(by_name)
