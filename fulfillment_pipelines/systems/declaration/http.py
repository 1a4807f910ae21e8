"""A system that speaks HTTP and JSON, as declared: where it is, what it holds, how its pages are asked for.

Credentials are in `http_auth.py`, single requests in `http_requests.py`, messages in `http_messages.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Discriminator, Field, Tag, field_validator, model_validator
from pydantic_core import PydanticCustomError

from fulfillment_pipelines.domain.snapshot import PageFormat
from fulfillment_pipelines.systems.declaration.http_auth import HttpAuth, NoAuth
from fulfillment_pipelines.systems.declaration.http_messages import HttpMessage
from fulfillment_pipelines.systems.declaration.http_requests import (
    HttpRead,
    JsonRpcVersion,
    RequestForm,
    placeholders_in,
)
from fulfillment_pipelines.systems.declaration.parts import (
    Declared,
    EntityBase,
    FieldAsOf,
    FixedAsOf,
    Name,
    Setting,
    SystemBase,
    sole_key,
)

_SINCE_PARTS = ("year", "month", "day", "hour", "minute", "second", "microsecond")
_PLACEHOLDERS = frozenset({"offset", "page", "cursor", "size", "since", *(f"since.{part}" for part in _SINCE_PARTS)})
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
_HeaderName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]


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


class Rate(Declared):
    """How many requests we make at most, tokens and logins included, in any stretch of time; per process."""

    requests: int = Field(ge=1)
    per_seconds: float = Field(gt=0)


class ErrorKind(StrEnum):
    """What an error code inside an answer means.

    REJECTED: the request is refused and not repeated. OUT_OF_DATE: the system holds another value than was read.
    BUSY: it is made again later. CREDENTIALS: the token is renewed once. CONFIGURATION: the declaration is wrong.
    UNKNOWN: a write may have had its effect; a read failed.
    """

    REJECTED = "rejected"
    OUT_OF_DATE = "out_of_date"
    BUSY = "busy"
    CREDENTIALS = "credentials"
    CONFIGURATION = "configuration"
    UNKNOWN = "unknown"


class HttpTransport(Declared):
    """Where the system is and how it is spoken to.

    Attributes:
        base_url: Where it is.
        timeout_seconds: How long an answer may take.
        auth: How it knows who asks.
        retry: How reads are repeated.
        rate: How fast we ask at most; without it, as fast as answers come.
        headers: Headers of every request.
        renew_on: Statuses that say that a token is no longer good; such a request had no effect.
        error_codes: What the system's own codes mean, in answers whose status says of success.
        json_rpc: Version of JSON-RPC that is spoken.
    """

    kind: Literal["http"]
    base_url: Setting
    timeout_seconds: float = Field(default=10, gt=0)
    auth: HttpAuth = NoAuth()
    retry: Retry = Retry()
    rate: Rate | None = None
    headers: Mapping[_HeaderName, Setting] = Field(default_factory=dict)
    renew_on: tuple[Literal[401, 403, 419, 440], ...] = (401,)
    error_codes: Mapping[str, ErrorKind] = Field(default_factory=dict)
    json_rpc: JsonRpcVersion = "2.0"

    @field_validator("headers")
    @classmethod
    def _keeps_no_secret(cls, headers: Mapping[str, Setting]) -> Mapping[str, Setting]:
        plain = [name for name, value in headers.items() if isinstance(value, str) and name.lower() in _SECRET_HEADERS]
        if plain:
            raise PydanticCustomError(
                "plain_secret", "a reference such as {ref: NAME}; secrets do not stand in this file"
            )
        return headers


class NoPaging(Declared):
    """All rows come in one answer."""

    kind: Literal["none"] = "none"


class CursorPaging(Declared):
    """Each answer names the cursor of the next; none named is the end.

    Attributes:
        parameter: Query parameter of the cursor, where `{cursor}` does not stand in the request itself.
        next_field: Dotted path to the next cursor.
        more_field: Dotted path to whether there is a next page, where the last page names a cursor too.
        size_parameter: Query parameter of the size, where `{size}` does not stand in the request itself.
        size: Rows asked for at a time.
    """

    kind: Literal["cursor"]
    parameter: str | None = None
    next_field: str
    more_field: str | None = None
    size_parameter: str | None = None
    size: int = Field(default=500, gt=0)


class OffsetPaging(Declared):
    """Pages are asked for by the number of rows to skip, by parameters or by `{offset}` and `{size}`."""

    kind: Literal["offset"]
    parameter: str | None = None
    size_parameter: str | None = None
    size: int = Field(default=500, gt=0)


class PageNumberPaging(Declared):
    """Pages are numbered, by a parameter or by `{page}`; the answer may say how many there are."""

    kind: Literal["page_number"]
    parameter: str | None = None
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
    """How what changed since the cursor of the last complete pull is asked for.

    Attributes:
        parameter: Query parameter of the cursor, where `{since}` does not stand in the request itself.
        initial: What stands for `{since}` when everything is asked for; without it null, or no parameter.
        overlap_seconds: How far before the cursor is asked from: for a system that keeps the times of changes in
            coarse steps or by a clock that is behind ours. What has not changed comes again, and changes nothing.
    """

    parameter: str | None = None
    initial: str | None = None
    overlap_seconds: float = Field(default=0, ge=0)


class HttpEntity(HttpRead, EntityBase):
    """One collection of the system's interface.

    In `params`, `variables`, `content` and `parameters`, the names `offset`, `page`, `cursor`, `size` and `since`
    stand in braces for where the reading is.

    Attributes:
        format: Always JSON.
        records: Dotted path to the list of rows; empty when the body is the list.
        parameters: Query parameters of every request.
        as_of: Where the answer says of which moment it speaks; without it, the moment of the request.
        total_field: Dotted path to the number of rows in all pages.
        sum_fields: Source field to the dotted path of its declared sum.
        paging: How the next page is asked for.
        since: How changes since a cursor are asked for; without it every pull is of everything.
        conditional: Whether a page that the system knows by its `ETag` is asked for only if it changed
            (RFC 9110 §13.1.2). The last pages are kept in memory: after a restart all are asked for once.
    """

    format: Literal[PageFormat.JSON] = PageFormat.JSON
    records: str = ""
    parameters: Mapping[str, str] = Field(default_factory=dict)
    as_of: _HttpAsOf | None = None
    total_field: str | None = None
    sum_fields: Mapping[str, str] = Field(default_factory=dict)
    paging: Paging = NoPaging()
    since: HttpSince | None = None
    conditional: bool = False

    @field_validator("records")
    @classmethod
    def _rows_are_found_by_names(cls, path: str) -> str:
        if any(part.isdecimal() for part in path.split(".")):
            raise PydanticCustomError("records", "names alone: rows of a landed page are found by no index")
        return path

    @property
    def placeholders(self) -> frozenset[str]:
        """Names that stand in braces in the request."""
        return placeholders_in(self.template) | placeholders_in(self.parameters.values())

    @model_validator(mode="after")
    def _asks_for_its_pages(self) -> Self:
        unknown = self.placeholders - _PLACEHOLDERS
        if unknown:
            raise PydanticCustomError(
                "placeholder",
                "placeholders among {known}, not {names}",
                {"known": ", ".join(sorted(_PLACEHOLDERS)), "names": ", ".join(sorted(unknown))},
            )
        place = {"cursor": "cursor", "offset": "offset", "page_number": "page"}.get(self.paging.kind)
        parameter = getattr(self.paging, "parameter", None)
        if place is not None and (parameter is None) != (place in self.placeholders):
            raise PydanticCustomError(
                "paging", "either `paging.parameter` or {place} in the request", {"place": f"{{{place}}}"}
            )
        by_name = any(name.partition(".")[0] == "since" for name in self.placeholders)
        if (self.since is None and by_name) or (self.since is not None and (self.since.parameter is None) != by_name):
            raise PydanticCustomError("since", "`since`, and either `since.parameter` or {since} in the request")
        return self

    @model_validator(mode="after")
    def _can_be_conditional(self) -> Self:
        if self.conditional and (self.form is not RequestForm.REST or self.method != "GET"):
            raise PydanticCustomError("conditional", "`conditional` only with a GET")
        return self


class HttpDeclaration(SystemBase):
    """A system that speaks HTTP and JSON."""

    transport: HttpTransport
    entities: Mapping[Name, HttpEntity] = Field(default_factory=dict)
    messages: Mapping[str, HttpMessage] = Field(default_factory=dict)
