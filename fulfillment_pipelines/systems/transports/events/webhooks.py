"""Systems that post messages to us, as seen by the loop: only what was received is there to read.

Receiving belongs to `receiver.py`.
"""

from __future__ import annotations

from typing import Final

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.correction import Correction, Observed, Receipt
from fulfillment_pipelines.systems.declaration.events import WebhookDeclaration
from fulfillment_pipelines.systems.port import CorrectionSink, SnapshotSource
from fulfillment_pipelines.systems.transports.drift import declared_entity
from fulfillment_pipelines.systems.transports.events.inbox import Inbox, InboxSource
from fulfillment_pipelines.systems.transports.messages import declared_message

_BEHIND_ALL: Final = 2**63 - 1


class WebhookSystem:
    """A system that posts messages to us.

    Args:
        declaration: What it is declared to be.
        clock: Tells when the inbox was read.
        inbox: Where its messages are kept.
    """

    def __init__(self, declaration: WebhookDeclaration, clock: Clock, inbox: Inbox) -> None:
        self.name = declaration.name
        self._declaration = declaration
        self._clock = clock
        self._inbox = inbox

    def source(self, entity: str) -> SnapshotSource:
        """Return the source of a declared entity.

        Raises:
            ConfigurationError: The entity is not declared.
        """
        declared = declared_entity(self.name, entity, self._declaration.entities)
        return InboxSource(self.name, entity, declared, self._inbox, self._clock)

    def sink(self) -> CorrectionSink:
        """Return a sink that takes nothing."""
        return _NoSink(self._declaration)

    def check(self) -> None:
        """Read the inbox; whether the system would post can only be told by its next message.

        Raises:
            RetryableError: The inbox does not answer.
        """
        for entity in list(self._declaration.entities)[:1]:
            self._inbox.read(self.name, entity, after=_BEHIND_ALL)

    def close(self) -> None:
        """Do nothing: nothing is open."""


class _NoSink:
    """Takes nothing: a system that posts to us is written to through another declaration."""

    def __init__(self, declaration: WebhookDeclaration) -> None:
        self.system = declaration.name
        self._messages = declaration.messages

    def apply(self, correction: Correction) -> Receipt:
        """Refuse the message.

        Raises:
            ConfigurationError: Always.
        """
        raise AssertionError(declared_message(self._messages, correction))

    def read_back(self, correction: Correction) -> Observed:
        """Refuse the message.

        Raises:
            ConfigurationError: Always.
        """
        raise AssertionError(declared_message(self._messages, correction))
