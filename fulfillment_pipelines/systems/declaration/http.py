"""A system that speaks HTTP and JSON, as declared: authentication, paging, entities, messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from fulfillment_pipelines.domain.snapshot import PageFormat
from fulfillment_pipelines.systems.declaration.parts import (
    Declared,
    EntityBase,
    FieldAsOf,
    FixedAsOf,
    Name,
    Secret,
    Setting,
    SystemBase,
    ValueSource,
    sole_key,
)


class NoAuth(Declared):
    """The system asks for no credentials."""

    kind: Literal["none"] = "none"


class ApiKeyAuth(Declared):
    """A key in a header of every request."""

    kind: Literal["api_key"]
    header: str
    value: Secret


class BasicAuth(Declared):
    """User name and password in every request (RFC 7617)."""

    kind: Literal["basic"]
    username: Setting
    password: Secret


class OAuth2ClientCredentials(Declared):
    """A bearer token, fetched with the client's own credentials (RFC 6749 §4.4)."""

    kind: Literal["oauth2_client_credentials"]
    token_path: str
    client_id: Setting
    client_secret: Secret
    scope: str | None = None


HttpAuth: TypeAlias = Annotated[NoAuth | ApiKeyAuth | BasicAuth | OAuth2ClientCredentials, Field(discriminator="kind")]


class Retry(Declared):
    """How often and how patiently a read is repeated: exponential backoff with jitter.

    Attributes:
        attempts: Requests in all, the first one included.
        wait_initial_seconds: Wait before the second request; doubled each time.
        wait_max_seconds: Longest wait, also when the system asks for a longer one.
        wait_jitter_seconds: Greatest random addition to a wait.
    """

    attempts: int = Field(default=4, ge=1, le=20)
    wait_initial_seconds: float = Field(default=0.2, ge=0)
    wait_max_seconds: float = Field(default=10, ge=0)
    wait_jitter_seconds: float = Field(default=0.5, ge=0)


class HttpTransport(Declared):
    """Where the system is and how it is spoken to."""

    kind: Literal["http"]
    base_url: Setting
    timeout_seconds: float = Field(default=10, gt=0)
    auth: HttpAuth = NoAuth()
    retry: Retry = Retry()


class NoPaging(Declared):
    """All rows come in one answer."""

    kind: Literal["none"] = "none"


class CursorPaging(Declared):
    """Each answer names the cursor of the next; none named is the end."""

    kind: Literal["cursor"]
    parameter: str
    next_field: str
    size_parameter: str | None = None
    size: int = Field(default=500, gt=0)


class OffsetPaging(Declared):
    """Pages are asked for by the number of rows to skip."""

    kind: Literal["offset"]
    parameter: str
    size_parameter: str
    size: int = Field(default=500, gt=0)


class PageNumberPaging(Declared):
    """Pages are numbered; the answer may say how many there are."""

    kind: Literal["page_number"]
    parameter: str
    first: int = 1
    pages_field: str | None = None
    size_parameter: str | None = None
    size: int = Field(default=500, gt=0)


class LinkPaging(Declared):
    """Each answer links the next with a `Link` header, `rel="next"` (RFC 8288)."""

    kind: Literal["link"]
    size_parameter: str | None = None
    size: int = Field(default=500, gt=0)


Paging: TypeAlias = Annotated[
    NoPaging | CursorPaging | OffsetPaging | PageNumberPaging | LinkPaging, Field(discriminator="kind")
]

_HttpAsOf: TypeAlias = Annotated[
    Annotated[FieldAsOf, Tag("field")] | Annotated[FixedAsOf, Tag("fixed")], Discriminator(sole_key)
]


class HttpSince(Declared):
    """The query parameter that asks for what changed since the cursor of the last complete pull."""

    parameter: str


class HttpEntity(EntityBase):
    """One collection of the system's interface.

    Attributes:
        path: Path below the base URL.
        format: Always JSON.
        records: Dotted path to the list of rows; empty when the body is the list.
        parameters: Query parameters of every request.
        as_of: Where the answer says of which moment it speaks; without it, the moment of the request.
        total_field: Dotted path to the number of rows in all pages.
        sum_fields: Source field to the dotted path of its declared sum.
        paging: How the next page is asked for.
        since: How changes since a cursor are asked for; without it every pull is of everything.
    """

    path: str
    format: Literal[PageFormat.JSON] = PageFormat.JSON
    records: str = ""
    parameters: Mapping[str, str] = Field(default_factory=dict)
    as_of: _HttpAsOf | None = None
    total_field: str | None = None
    sum_fields: Mapping[str, str] = Field(default_factory=dict)
    paging: Paging = NoPaging()
    since: HttpSince | None = None


class HttpReadBack(Declared):
    """How the effect of a message is looked for.

    Attributes:
        path: Path template with payload fields in braces.
        records: Dotted path to a list; empty when the body is the one record.
        expect: Field of the record to the value it has when the effect is there.
        applied_if_any: Whether any record at all proves the effect.
        only_one: Whether a second record that shows the effect is one too many, so that a person must look.
        after_send: Whether it is also looked at directly after a send that was answered well: for a system that
            takes no idempotency key, or whose answers cannot be relied on.
    """

    path: str
    records: str = ""
    expect: Mapping[str, ValueSource] = Field(default_factory=dict)
    applied_if_any: bool = False
    only_one: bool = False
    after_send: bool = False

    @model_validator(mode="after")
    def _proves_something(self) -> Self:
        if bool(self.expect) == self.applied_if_any:
            raise PydanticCustomError("read_back", "either `expect` or `applied_if_any: true`")
        return self


class HttpPreconditionRead(Declared):
    """What is looked at just before a write, at a system that does not compare what it holds by itself.

    Attributes:
        path: Path template with payload fields in braces.
        records: Dotted path to a list; empty when the body is the one record.
        expect: Field of the record to the precondition whose value it must still have.
        absent: Whether nothing may be there yet.
        if_match: Whether the write carries the answer's `ETag` as `If-Match` (RFC 9110 §13.1.1), so that the system
            refuses it when the record has changed between the look and the write.
    """

    path: str
    records: str = ""
    expect: Mapping[str, ValueSource] = Field(default_factory=dict)
    absent: bool = False
    if_match: bool = False

    @model_validator(mode="after")
    def _compares_something(self) -> Self:
        if bool(self.expect) == self.absent:
            raise PydanticCustomError("precondition_read", "either `expect` or `absent: true`")
        if self.if_match and self.absent:
            raise PydanticCustomError("precondition_read", "`if_match` only where a record is expected")
        return self


class HttpMessage(Declared):
    """One message the system takes.

    Attributes:
        method: HTTP method.
        path: Path template with payload fields in braces.
        body: Field of the request's JSON to where its value comes from.
        precondition: Field of the request's JSON to the precondition the system compares itself.
        precondition_read: What is compared just before the write, where the system compares nothing.
        read_back: How the effect is looked for; without it a read-back is UNKNOWN.
    """

    method: Literal["POST", "PUT", "PATCH", "DELETE"]
    path: str
    body: Mapping[str, ValueSource] = Field(default_factory=dict)
    precondition: Mapping[str, str] = Field(default_factory=dict)
    precondition_read: HttpPreconditionRead | None = None
    read_back: HttpReadBack | None = None


class HttpDeclaration(SystemBase):
    """A system that speaks HTTP and JSON."""

    transport: HttpTransport
    entities: Mapping[Name, HttpEntity] = Field(default_factory=dict)
    messages: Mapping[str, HttpMessage] = Field(default_factory=dict)
