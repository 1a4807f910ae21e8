"""A system in memory: the fake that ships, for tests, demonstrations and dry runs.

It keeps the promises of `port.py` like any transport and passes the same conformance suite. Its
switches make it fail the way real systems do.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.correction import Correction, Observed, Receipt, Scalar
from fulfillment_pipelines.domain.snapshot import Page, PageFormat, Scope, Snapshot
from fulfillment_pipelines.errors import (
    BadDataError,
    PreconditionError,
    RejectedError,
    RetryableError,
    SystemDownError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.systems.declaration.memory import MemoryDeclaration, MemoryEntity
from fulfillment_pipelines.systems.port import CorrectionSink, SnapshotSource
from fulfillment_pipelines.systems.transports.drift import declared_entity, refuse_missing_fields
from fulfillment_pipelines.systems.transports.instants import instant_text
from fulfillment_pipelines.systems.transports.messages import (
    declared_message,
    payload_fields,
    precondition_fields,
    shows,
)

MemoryRow: TypeAlias = dict[str, Scalar | Decimal]
"""A row under the source's field names; decimals are handed out as text."""


@dataclass(slots=True)
class Switches:
    """What goes wrong; set them while the system is in use.

    Attributes:
        down: It answers nothing.
        fails_on_page: Number of the page, from 1, on which a pull breaks off.
        malformed_page: Number of the page, from 1, that cannot be read.
        busy: It answers writes with "later", having done nothing.
        rejects: It refuses writes.
        silent_before_effect: It takes a write, does nothing and does not answer.
        silent_after_effect: It takes a write, does it and does not answer.
    """

    down: bool = False
    fails_on_page: int | None = None
    malformed_page: int | None = None
    busy: bool = False
    rejects: bool = False
    silent_before_effect: bool = False
    silent_after_effect: bool = False


class MemorySystem:
    """A system whose rows are Python values.

    Args:
        declaration: Its entities and messages.
        clock: The time its answers speak of.
        rows: Rows of each entity at the beginning; duplicates stay.

    Attributes:
        rows: The rows now, by entity.
        switches: What goes wrong.
        effects: How many messages have had an effect.
    """

    def __init__(
        self, declaration: MemoryDeclaration, clock: Clock, rows: Mapping[str, Sequence[MemoryRow]] | None = None
    ) -> None:
        self.name = declaration.name
        self.declaration = declaration
        self.clock = clock
        self.rows: dict[str, list[MemoryRow]] = {entity: [] for entity in declaration.entities}
        for entity, given in (rows or {}).items():
            self.rows[entity] = [dict(row) for row in given]
        self.switches = Switches()
        self.effects = 0
        self._receipts: dict[str, Receipt] = {}
        self._lock = threading.RLock()

    def source(self, entity: str) -> SnapshotSource:
        """Return the source of a declared entity.

        Raises:
            ConfigurationError: The entity is not declared.
        """
        declared = declared_entity(self.name, entity, self.declaration.entities)
        return MemorySource(self, entity, declared)

    def sink(self) -> CorrectionSink:
        """Return the sink that changes its rows."""
        return MemorySink(self)

    def check(self) -> None:
        """Return when the system is up.

        Raises:
            SystemDownError: It is switched down.
        """
        if self.switches.down:
            raise SystemDownError(f"{self.name}: the system is down.", remedy="it is tried again")

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def settle(self, correction: Correction) -> Receipt:
        """Give a message its effect, once per idempotency key.

        Raises:
            PreconditionError: A row no longer holds the expected value.
            ConfigurationError: The message is not declared, or the payload lacks a field.
        """
        message = declared_message(self.declaration.messages, correction)
        where = payload_fields(correction, message.where)
        values = payload_fields(correction, message.values)
        expected = precondition_fields(correction, message.expect)
        with self._lock:
            if correction.idempotency_key in self._receipts:
                return self._receipts[correction.idempotency_key]
            found = [row for row in self.rows[message.entity] if shows(row, where)]
            if expected and not any(shows(row, expected) for row in found):
                raise PreconditionError(
                    f"{self.name}: '{correction.message}' {correction.idempotency_key} is out of date.",
                    expected=_shown(expected),
                    found="; ".join(_shown({name: row.get(name) for name in expected}) for row in found) or "no row",
                    remedy="pull again and decide anew",
                )
            for row in found:
                row.update(values)
            if not found:
                self.rows[message.entity].append({**where, **values})
            self.effects += 1
            receipt = Receipt(
                idempotency_key=correction.idempotency_key,
                observed=Observed.APPLIED,
                reference=f"{self.name}-{self.effects}",
                received_at=self.clock.now(),
            )
            self._receipts[correction.idempotency_key] = receipt
            return receipt


class MemorySource:
    """The rows of one entity in memory."""

    def __init__(self, owner: MemorySystem, entity: str, declared: MemoryEntity) -> None:
        self.system = owner.name
        self.entity = entity
        self.name = f"{owner.name}/{entity}"
        self._owner = owner
        self._declared = declared

    def pull(self, scope: Scope) -> Snapshot:
        """Return the rows in pages.

        Raises:
            SystemDownError: The system is down, or fails on the first page.
            BadDataError: The first page cannot be read, or a declared field is gone.
        """
        self._owner.check()
        honoured = self._honoured(scope)
        rows = [row for row in self._owner.rows[self.entity] if self._is_wanted(row, honoured)]
        if rows:
            refuse_missing_fields(self.name, self._declared, set().union(*rows), where="every row")
        pages, problem = self._pages(rows)
        since = self._declared.since
        newest = max((str(row[since]) for row in rows if row.get(since) is not None), default=None) if since else None
        return Snapshot(
            system=self.system,
            entity=self.entity,
            scope=honoured,
            as_of=self._owner.clock.now(),
            pages=pages,
            complete=not problem,
            declared_rows=len(rows),
            cursor=None if problem else newest or honoured.since,
            problem=problem,
        )

    def _honoured(self, scope: Scope) -> Scope:
        if scope.keys and len(self._declared.key) == 1:
            return Scope(keys=scope.keys)
        return Scope(since=scope.since if self._declared.since is not None else None)

    def _is_wanted(self, row: MemoryRow, scope: Scope) -> bool:
        if scope.keys:
            return str(row[self._declared.key[0]]) in scope.keys
        if scope.since is not None and self._declared.since is not None:
            return str(row[self._declared.since]) >= scope.since
        return True

    def _pages(self, rows: Sequence[MemoryRow]) -> tuple[tuple[Page, ...], str]:
        """Return the pages before the first that fails, and why it does."""
        pages: list[Page] = []
        for number, start in enumerate(range(0, max(len(rows), 1), self._declared.size), start=1):
            error = self._failure(number)
            if error is not None and not pages:
                raise error
            if error is not None:
                return tuple(pages), f"Page {number} of {self.name} failed. {error}"
            body = {
                "as_of": instant_text(self._owner.clock.now()),
                "total": len(rows),
                self._declared.records: rows[start : start + self._declared.size],
            }
            pages.append(Page(f"{number:05d}.json", json.dumps(body, default=str).encode(), PageFormat.JSON))
        return tuple(pages), ""

    def _failure(self, number: int) -> SystemDownError | BadDataError | None:
        if number == self._owner.switches.fails_on_page:
            return SystemDownError(f"{self.name}: the system went down.", remedy="it is tried again")
        if number == self._owner.switches.malformed_page:
            return BadDataError(f"{self.name}: page {number} cannot be read.", expected="JSON", found="something else")
        return None


class MemorySink:
    """Changes the rows of a system in memory."""

    def __init__(self, owner: MemorySystem) -> None:
        self.system = owner.name
        self._owner = owner

    def apply(self, correction: Correction) -> Receipt:
        """Give the message its effect, unless a switch says otherwise.

        Raises:
            RetryableError: The system is down or busy; nothing happened.
            RejectedError: It refuses.
            PreconditionError: It no longer holds the expected value.
            UnknownOutcomeError: It did not answer.
            ConfigurationError: The message is not declared, or the payload lacks a field.
        """
        self._owner.check()
        switches = self._owner.switches
        what = f"{self.system}: '{correction.message}' {correction.idempotency_key}"
        if switches.busy:
            raise RetryableError(f"{what} came too soon.", remedy="it is sent again later")
        if switches.rejects:
            raise RejectedError(f"{what} is refused.", remedy="decide on it by hand")
        receipt = None if switches.silent_before_effect else self._owner.settle(correction)
        if receipt is None or switches.silent_after_effect:
            raise UnknownOutcomeError(
                f"{what} was sent and its outcome is not known.", remedy="read back before anything is sent again"
            )
        return receipt

    def read_back(self, correction: Correction) -> Observed:
        """Return whether the rows show the effect.

        Raises:
            SystemDownError: The system is down.
            ConfigurationError: The message is not declared, or the payload lacks a field.
        """
        self._owner.check()
        message = declared_message(self._owner.declaration.messages, correction)
        expected = {**payload_fields(correction, message.where), **payload_fields(correction, message.values)}
        found = any(shows(row, expected) for row in self._owner.rows[message.entity])
        return Observed.APPLIED if found else Observed.ABSENT


def _shown(record: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in record.items())
