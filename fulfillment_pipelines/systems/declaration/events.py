"""Systems that send by themselves, as declared: webhooks we receive, and subjects of a message broker.

What comes is kept once in the inbox of the deployment, and read from there like any other feed. A feed of events is
only added to: its `key` names the event, and what was received is never taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from fulfillment_pipelines.domain.correction import Observed
from fulfillment_pipelines.domain.snapshot import PageFormat
from fulfillment_pipelines.systems.declaration.parts import (
    Declared,
    EntityBase,
    Name,
    Secret,
    Setting,
    SystemBase,
    ValueSource,
)

_Path: TypeAlias = Annotated[str, Field(pattern=r"^/[A-Za-z0-9/_.-]+$")]
_Subject: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.([A-Za-z0-9_-]+|\*))*(\.>)?$")]


class EventEntity(EntityBase):
    """Messages about one kind of thing; each is one JSON object, which is one row.

    Attributes:
        format: Always JSON.
        id_field: Field of the message that is its number; the same number is the same message.
        id_header: Header that is its number, where the message itself does not say.
    """

    format: Literal[PageFormat.JSON] = PageFormat.JSON
    id_field: str = ""
    id_header: str = ""

    @model_validator(mode="after")
    def _has_a_number(self) -> Self:
        if bool(self.id_field) == bool(self.id_header):
            raise PydanticCustomError("id", "either `id_field` or `id_header`: by which a message sent again is known")
        return self


class HmacSignature(Declared):
    """How a message proves who sent it: a keyed hash (RFC 2104) of its bytes, in a header.

    Attributes:
        header: Where the signature is.
        secrets: The shared secrets, of which any may have been used; two while one takes the place of the other.
        algorithm: Hash function.
        encoding: How the signature is written.
        prefix: What stands before it, for example `sha256=`.
        timestamp_header: Header with the moment of sending in Unix seconds; it is signed too, `<seconds>.<body>`.
        tolerance_seconds: How far that moment may be from now.
    """

    header: str
    secrets: tuple[Secret, ...] = Field(min_length=1, max_length=3)
    algorithm: Literal["sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    timestamp_header: str = ""
    tolerance_seconds: int = Field(default=300, gt=0)


class WebhookEntity(EventEntity):
    """Messages that are posted to one path of ours.

    Attributes:
        path: Path at our receiver.
    """

    path: _Path


class WebhookNotice(Declared):
    """Messages, posted to one path of ours, that tell what became of corrections; they are no feed.

    Attributes:
        path: Path at our receiver.
        target: The system that the corrections were sent to.
        id_field: Field that is the message's number; the same number is the same message.
        idempotency_key: Field with the key of the correction.
        observed: Field with what became of it.
        codes: Value of that field to what it means; any other value means that the target must be looked at.
        reference: Field with the system's own identifier of the effect.
    """

    path: _Path
    target: Name
    id_field: str
    idempotency_key: str
    observed: str
    codes: Mapping[str, Observed] = Field(min_length=1)
    reference: str = ""


class WebhookBell(Declared):
    """Messages, posted to one path of ours, that only tell that there is news; what it is, the woken systems say.

    Attributes:
        path: Path at our receiver.
        wakes: The systems that the live loop asks then.
    """

    path: _Path
    wakes: tuple[Name, ...] = Field(min_length=1)


class WebhookTransport(Declared):
    """What is posted to us.

    Attributes:
        signature: How a message proves who sent it; what cannot is refused.
        most_bytes: Largest message that is taken.
    """

    kind: Literal["webhook"]
    signature: HmacSignature
    most_bytes: int = Field(default=1_000_000, gt=0)


class WebhookDeclaration(SystemBase):
    """A system that posts messages to us; it takes none.

    Attributes:
        transport: How its messages prove that they are its own.
        entities: What it tells of.
        messages: Always none.
        notices: What it tells of corrections, by a name of ours.
        bells: What it rings when other systems have news, by a name of ours.
    """

    transport: WebhookTransport
    entities: Mapping[Name, WebhookEntity] = Field(default_factory=dict)
    messages: Mapping[str, ValueSource] = Field(default_factory=dict, max_length=0)
    notices: Mapping[Name, WebhookNotice] = Field(default_factory=dict)
    bells: Mapping[Name, WebhookBell] = Field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths that its messages are posted to."""
        entities = tuple(entity.path for entity in self.entities.values())
        notices = tuple(notice.path for notice in self.notices.values())
        return entities + notices + tuple(bell.path for bell in self.bells.values())

    @model_validator(mode="after")
    def _paths_differ(self) -> Self:
        if not self.paths or len(set(self.paths)) != len(self.paths):
            raise PydanticCustomError("path", "at least one `path`, and each for one entity, notice or bell alone")
        return self


class BrokerEntity(EventEntity):
    """Messages of one subject of the broker.

    Attributes:
        subject: NATS subject, wildcards allowed.
        durable: Name of our consumer, which remembers what was acknowledged.
        most_messages: Messages taken by one pull; what is left comes with the next.
    """

    subject: _Subject
    durable: Name
    most_messages: int = Field(default=10_000, gt=0)


class BrokerMessage(Declared):
    """One message that is published for the system.

    Attributes:
        subject: Where it is published, with `{idempotency_key}` in it, so that it can be found again; payload fields
            may stand in braces too.
        body: Field of the JSON to where its value comes from.
    """

    subject: str = Field(pattern=r"^[A-Za-z0-9_{}.-]*\{idempotency_key\}[A-Za-z0-9_{}.-]*$")
    body: Mapping[str, ValueSource] = Field(min_length=1)


class NatsTransport(Declared):
    """A stream of a NATS server (JetStream).

    Attributes:
        url: `nats://host:port` or `tls://host:port`, with user and password where it asks for them.
        stream: The stream that holds all the subjects, made by the broker's owner.
        timeout_seconds: Longest wait for an answer of the server.
    """

    kind: Literal["nats"]
    url: Setting
    stream: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    timeout_seconds: float = Field(default=5, gt=0)


class NatsDeclaration(SystemBase):
    """A system that is heard and spoken to through a message broker."""

    transport: NatsTransport
    entities: Mapping[Name, BrokerEntity] = Field(default_factory=dict)
    messages: Mapping[str, BrokerMessage] = Field(default_factory=dict)
