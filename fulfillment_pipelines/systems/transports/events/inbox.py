"""The inbox as a source: what was received of an entity, read like any other feed.

Who receives belongs to `receiver.py` and `nats.py`; the ledger keeps the messages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.inbox import InboxMessage, KeptMessage
from fulfillment_pipelines.domain.snapshot import Page, PageFormat, Scope, Snapshot
from fulfillment_pipelines.systems.declaration.events import EventEntity
from fulfillment_pipelines.systems.transports.drift import refuse_missing_fields

_LONGEST_NUMBER: Final = 255
_MOST_LEVELS: Final = 100


class Inbox(Protocol):
    """Where messages are kept, each once."""

    def keep(self, messages: Sequence[InboxMessage]) -> int:
        """Keep those that are not kept yet, and return how many they were; they are durable when this returns.

        Raises:
            RetryableError: They could not be kept; none was.
        """
        ...

    def read(self, system: str, entity: str, after: int, most: int | None = None) -> Sequence[KeptMessage]:
        """Return what came of an entity after a message, in the order in which it was kept; all, or the first few.

        Raises:
            RetryableError: The inbox does not answer.
        """
        ...


class InboxSource:
    """One entity whose messages come by themselves.

    Args:
        system: Declared name of the system.
        entity: Declared name of the entity.
        declared: What its messages look like.
        inbox: Where they are kept.
        clock: Tells when the inbox was read.
    """

    def __init__(self, system: str, entity: str, declared: EventEntity, inbox: Inbox, clock: Clock) -> None:
        self.system = system
        self.entity = entity
        self.name = f"{system}/{entity}"
        self._declared = declared
        self._inbox = inbox
        self._clock = clock

    def pull(self, scope: Scope) -> Snapshot:
        """Return what was received, or what was received since the cursor; the cursor is a number of the inbox.

        Raises:
            RetryableError: The inbox does not answer.
            BadDataError: A declared field is in no message.
        """
        as_of = self._clock.now()
        after = int(scope.since) if scope.since else 0
        # One more than asked for tells whether there are more.
        most = None if scope.most_rows is None else scope.most_rows + 1
        messages = self._inbox.read(self.system, self.entity, after, most)
        has_more = scope.most_rows is not None and len(messages) > scope.most_rows
        messages = messages[: scope.most_rows]
        if messages:
            found = {name for message in messages for name in json.loads(message.body)}
            refuse_missing_fields(self.name, self._declared, found, where="every message")
        return Snapshot(
            system=self.system,
            entity=self.entity,
            scope=Scope(since=scope.since),
            as_of=as_of,
            pages=(Page("00001.json", _page(messages), PageFormat.JSON),),
            declared_rows=len(messages),
            cursor=str(messages[-1].sequence_no if messages else after),
            has_more=has_more,
        )


def _page(messages: Sequence[KeptMessage]) -> bytes:
    """Return the messages as one JSON list, each as it came."""
    return b"[" + b",\n".join(message.body for message in messages) + b"]"


def message_number(body: bytes, field: str) -> str:
    """Return the number of a message out of its body, which can stand in a page among others.

    Args:
        body: One JSON object in UTF-8.
        field: Where its number is; empty where it is not in the body.

    Raises:
        ValueError: It is no such object, or has no number.
    """
    try:
        content = json.loads(body.decode())  # as text: bytes may be UTF-16, of which no page with others can be made
    except RecursionError as error:
        raise ValueError(f"it is nested deeper than {_MOST_LEVELS} levels") from error
    if not isinstance(content, dict):
        raise ValueError("one JSON object is expected")  # noqa: TRY004 - one error for every message that cannot be read
    _refuse_deep(content)
    if not field:
        return ""
    number = content.get(field)
    if isinstance(number, bool) or not isinstance(number, int | str) or number == "":
        raise ValueError(f"the field '{field}', which numbers messages, is missing")
    if not is_number(str(number)):
        raise ValueError(f"the field '{field}' holds no number of a message: at most {_LONGEST_NUMBER} characters")
    return str(number)


def is_number(text: str) -> bool:
    """Return whether a text can be the number of a message: it is there, not too long, and every database keeps it."""
    return 0 < len(text) <= _LONGEST_NUMBER and text.isprintable()


def _refuse_deep(content: Mapping[str, Any]) -> None:
    """Refuse what a reader with less room left on its stack could not read again."""
    level: list[Any] = [content]
    for _ in range(_MOST_LEVELS):
        inner = [value.values() if isinstance(value, dict) else value for value in level]
        level = [part for parts in inner for part in parts if isinstance(part, dict | list)]
        if not level:
            return
    raise ValueError(f"it is nested deeper than {_MOST_LEVELS} levels")
