"""Systems behind a NATS server with JetStream: messages in through the inbox, corrections out, each once.

A message is acknowledged only after the inbox has it, so that a crash between brings it again, and the inbox knows
it. What is published carries the correction's key as `Nats-Msg-Id`, of which the stream keeps one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.correction import Correction, Observed, Receipt
from fulfillment_pipelines.domain.inbox import InboxMessage
from fulfillment_pipelines.domain.snapshot import Scope, Snapshot
from fulfillment_pipelines.errors import ConfigurationError, SystemDownError, UnknownOutcomeError
from fulfillment_pipelines.systems.declaration.events import BrokerEntity, BrokerMessage, NatsDeclaration
from fulfillment_pipelines.systems.port import CorrectionSink, SnapshotSource
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.drift import declared_entity
from fulfillment_pipelines.systems.transports.events.broker import Broker
from fulfillment_pipelines.systems.transports.events.inbox import Inbox, InboxSource, is_number, message_number
from fulfillment_pipelines.systems.transports.messages import declared_message, filled_path, payload_fields

_NUMBER_HEADER: Final = "Nats-Msg-Id"
_FETCHED_AT_ONCE: Final = 500
_SHOWN_CHARACTERS: Final = 2_000
_QUIET_SECONDS: Final = 0.2
_KEEPS_WHAT_WAS_TAKEN: Final = "limits"


class NatsSystem:
    """A system behind a message broker.

    Args:
        declaration: What it is declared to be.
        references: Where its address comes from.
        clock: Tells when a message came.
        inbox: Where its messages are kept.
    """

    def __init__(self, declaration: NatsDeclaration, references: References, clock: Clock, inbox: Inbox) -> None:
        self.name = declaration.name
        self._declaration = declaration
        self._clock = clock
        self._inbox = inbox
        transport = declaration.transport
        self._broker = Broker(
            self.name,
            lambda: references.resolve(transport.url, system=self.name).get_secret_value(),
            transport.timeout_seconds,
        )

    def source(self, entity: str) -> SnapshotSource:
        """Return the source of a declared entity.

        Raises:
            ConfigurationError: The entity is not declared.
        """
        declared = declared_entity(self.name, entity, self._declaration.entities)
        transport = self._declaration.transport
        reach = Reach(self.name, transport.stream, self._broker, self._inbox, self._clock, transport.timeout_seconds)
        return BrokerSource(reach, entity, declared)

    def sink(self) -> CorrectionSink:
        """Return the sink that publishes messages."""
        return NatsSink(self._declaration, self._broker, self._clock)

    def check(self) -> None:
        """Ask for the stream.

        Raises:
            SystemDownError: The broker cannot be reached.
            ConfigurationError: It refuses us, or has no such stream.
        """
        stream = self._declaration.transport.stream
        _asked_of_stream(self.name, stream, self._broker, lambda js: js.stream_info(stream))

    def close(self) -> None:
        """Close the connection; a later use opens another."""
        self._broker.close()


@dataclass(frozen=True, slots=True)
class Reach:
    """What a source of a broker works with: the stream of a system, and where its messages are kept."""

    system: str
    stream: str
    broker: Broker
    inbox: Inbox
    clock: Clock
    answer_seconds: float


class BrokerSource:
    """One subject of the broker."""

    def __init__(self, reach: Reach, entity: str, declared: BrokerEntity) -> None:
        self.system = reach.system
        self.entity = entity
        self.name = f"{self.system}/{entity}"
        self._declared = declared
        self._reach = reach

    def pull(self, scope: Scope) -> Snapshot:
        """Take what waits at the broker into the inbox, and return what the inbox has in that scope.

        Raises:
            SystemDownError: The broker cannot be reached.
            ConfigurationError: It refuses us, or has no such stream.
            RetryableError: The inbox does not answer.
            BadDataError: A declared field is in no message.
        """
        taken = 0
        while taken < self._declared.most_messages:
            waiting = _asked_of_stream(self.name, self._reach.stream, self._reach.broker, self._fetch)
            if not waiting:
                break
            self._reach.inbox.keep([self._kept(message) for message in waiting])
            self._reach.broker.call(partial(_acknowledged, waiting))
            taken += len(waiting)
        kept = InboxSource(self.system, self.entity, self._declared, self._reach.inbox, self._reach.clock).pull(scope)
        # What was not taken still waits at the broker, though the inbox has no more.
        return replace(kept, has_more=True) if taken >= self._declared.most_messages else kept

    async def _fetch(self, stream: Any) -> Sequence[Any]:
        consumer = await stream.pull_subscribe(
            self._declared.subject, durable=self._declared.durable, stream=self._reach.stream
        )
        try:
            told = await consumer.consumer_info()
            self._refuse_other_subject(told.config.filter_subject or "")
            return await self._offered(consumer, told)
        finally:
            await consumer.unsubscribe()

    async def _offered(self, consumer: Any, told: Any) -> Sequence[Any]:
        """Return what the broker has for us; it says how much waits, so that quiet costs nothing and load no message.

        Messages taken before and not acknowledged are not counted among the waiting: some may be offered again.
        """
        most = min(_FETCHED_AT_ONCE, self._declared.most_messages)
        if not told.num_pending and not told.num_ack_pending:
            return ()
        wanted = min(most, told.num_pending) or most
        try:
            messages: Sequence[Any] = await consumer.fetch(
                wanted, timeout=self._reach.answer_seconds if told.num_pending else _QUIET_SECONDS
            )
        except TimeoutError:  # the client raises its own kind of it, and under load the plain one
            return ()
        return messages

    def _refuse_other_subject(self, heard: str) -> None:
        """Refuse a consumer of another feed, or of a declaration of before: its messages would be taken for ours."""
        if heard != self._declared.subject:
            raise ConfigurationError(
                f"{self.name}: the consumer '{self._declared.durable}' listens to other messages.",
                expected=self._declared.subject,
                found=heard or "all of the stream",
                remedy="name another `durable`, one for each entity, or remove the consumer once it is drained",
            )

    def _kept(self, message: Any) -> InboxMessage:
        """Return what is kept of a message; one that is no row is kept as words, and the contract refuses them."""
        body, place = bytes(message.data), f"{self._reach.stream}:{message.metadata.sequence.stream}"
        try:
            number = message_number(body, self._declared.id_field)
            sent_as = (message.headers or {}).get(self._declared.id_header, "")
            if sent_as and not is_number(sent_as):
                raise ValueError(f"the header '{self._declared.id_header}' holds no number of a message")  # noqa: TRY301 - handled as any other
            number = number or sent_as or place
        except ValueError as error:
            text = body.decode("utf-8", "replace")[:_SHOWN_CHARACTERS]
            body = json.dumps({"unreadable_message": text, "problem": str(error)}).encode()
            number = place
        return InboxMessage(self.system, self.entity, number, self._reach.clock.now(), body)


class NatsSink:
    """Publishes messages for a system, each on a subject of its own."""

    def __init__(self, declaration: NatsDeclaration, broker: Broker, clock: Clock) -> None:
        self.system = declaration.name
        self._stream = declaration.transport.stream
        self._messages = declaration.messages
        self._broker = broker
        self._clock = clock

    def apply(self, correction: Correction) -> Receipt:
        """Publish the message; the same key again is the same message of the stream.

        Returns:
            A receipt that says QUEUED: the system takes its messages itself.

        Raises:
            RetryableError: Nothing was published.
            UnknownOutcomeError: It was published and the stream did not answer.
            ConfigurationError: The message, the payload, the stream or the credentials are wrong.
        """
        message = declared_message(self._messages, correction)
        subject, body = _subject(correction, message), payload_fields(correction, message.body)
        content = json.dumps(body, ensure_ascii=False, sort_keys=True).encode()
        self._broker.call(lambda client: client.flush())  # what cannot be reached was not sent to
        try:
            answer = _asked_of_stream(
                self.system,
                self._stream,
                self._broker,
                lambda js: js.publish(
                    subject, content, stream=self._stream, headers={_NUMBER_HEADER: correction.idempotency_key}
                ),
            )
        except SystemDownError as error:
            raise UnknownOutcomeError(
                f"{self.system}: '{correction.message}' {correction.idempotency_key} was sent "
                "and its outcome is not known.",
                expected="the stream's acknowledgement",
                found=error.found,
                remedy="read back before anything is sent again",
            ) from error
        return Receipt(
            idempotency_key=correction.idempotency_key,
            observed=Observed.QUEUED,
            reference=f"{self._stream}:{answer.seq}",
            received_at=self._clock.now(),
        )

    def read_back(self, correction: Correction) -> Observed:
        """Return whether the stream holds the message; what the system did with it is told by its next snapshot.

        UNKNOWN where it holds none, but is one of those that forget what was taken.

        Raises:
            SystemDownError: The broker did not answer.
            ConfigurationError: The message, the stream or the credentials are wrong.
        """
        subject = _subject(correction, declared_message(self._messages, correction))
        return self._broker.call(lambda client: self._look(client, subject))

    async def _look(self, client: Any, subject: str) -> Observed:
        from nats.js.errors import NotFoundError  # noqa: PLC0415 - an extra that few deployments need

        try:
            await client.jetstream().get_last_msg(self._stream, subject)
        except NotFoundError:
            described = await client.jetstream().stream_info(self._stream)
            # Any other stream forgets a message once it was taken: that it is not there does not say it never was.
            return Observed.ABSENT if described.config.retention == _KEEPS_WHAT_WAS_TAKEN else Observed.UNKNOWN
        return Observed.QUEUED


async def _acknowledged(messages: Sequence[Any], _client: Any) -> None:
    for message in messages:
        await message.ack()


def _subject(correction: Correction, message: BrokerMessage) -> str:
    return filled_path(correction, message.subject).replace("%", "_")


def _asked_of_stream(name: str, stream: str, broker: Broker, ask: Any) -> Any:
    """Return what is asked of JetStream.

    Raises:
        ConfigurationError: The server has no such stream, or no JetStream at all.
    """
    from nats.js.errors import Error, NoStreamResponseError, NotFoundError  # noqa: PLC0415 - an extra

    try:
        return broker.call(lambda client: ask(client.jetstream()))
    except (NotFoundError, NoStreamResponseError) as error:
        raise ConfigurationError(
            f"{name}: the broker has no stream '{stream}' with the declared subjects.",
            expected="a JetStream stream, made by the broker's owner",
            found=str(error),
            remedy=f"correct `stream` and the subjects in the system's YAML, or run: nats stream add {stream}",
        ) from error
    except Error as error:
        raise SystemDownError(
            f"{name}: the stream '{stream}' did not serve the request.",
            found=f"{type(error).__name__}: {error}",
            remedy="see whether the broker runs with JetStream; it is tried again",
        ) from error
