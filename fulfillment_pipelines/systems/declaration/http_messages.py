"""The messages an HTTP system takes, as declared: requests, looks before and after them, steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from fulfillment_pipelines.domain.correction import Scalar
from fulfillment_pipelines.systems.declaration.http_requests import BodySource, HttpForm, HttpRead, RequestForm
from fulfillment_pipelines.systems.declaration.parts import Declared, ValueSource

_TakenName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")]


class HttpLook(HttpRead):
    """A read that is part of a message; payload fields stand in braces.

    Attributes:
        records: Dotted path to a list, digits index lists; empty when the body is the one record.
        codes: Field of the record to the system's code to ours; a code that is not named stays as it is.
    """

    records: str = ""
    codes: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)


class HttpLookup(HttpLook):
    """A read before a send that gives values names; exactly one record must be found.

    Attributes:
        take: Name to the field (dotted path) of the record.
        expect: Field of the record to the value it must have to count.
    """

    take: Mapping[_TakenName, str] = Field(min_length=1)
    expect: Mapping[str, ValueSource] = Field(default_factory=dict)


class HttpSkipIf(HttpLook):
    """A look whether a step was done by an earlier attempt: any record that counts says so.

    Attributes:
        take: Name to the field (dotted path) of the record, for later steps; then only one record may count.
        expect: Field of the record to the value it must have to count.
    """

    take: Mapping[_TakenName, str] = Field(default_factory=dict)
    expect: Mapping[str, ValueSource] = Field(default_factory=dict)


class HttpReadBack(HttpLook):
    """How the effect of a message is looked for.

    Attributes:
        expect: Field of the record to the value it has when the effect is there.
        applied_if_any: Whether any record at all proves the effect.
        only_one: Whether a second record that shows the effect is one too many, so that a person must look.
        after_send: Whether it is also looked at directly after a send that was answered well: for a system that
            takes no idempotency key, or whose answers cannot be relied on.
    """

    expect: Mapping[str, ValueSource] = Field(default_factory=dict)
    applied_if_any: bool = False
    only_one: bool = False
    after_send: bool = False

    @model_validator(mode="after")
    def _proves_something(self) -> Self:
        if bool(self.expect) == self.applied_if_any:
            raise PydanticCustomError("read_back", "either `expect` or `applied_if_any: true`")
        return self


class HttpPreconditionRead(HttpLook):
    """What is looked at just before a write, at a system that does not compare what it holds by itself.

    Attributes:
        expect: Field of the record to the precondition whose value it must still have.
        absent: Whether nothing may be there yet.
        if_match: Whether the write carries the answer's `ETag` as `If-Match` (RFC 9110 §13.1.1), so that the system
            refuses it when the record has changed between the look and the write.
    """

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


class KeyInHeader(Declared):
    """The idempotency key travels in a header; the system has each effect once under it."""

    header: str = "Idempotency-Key"


class KeyInField(Declared):
    """The idempotency key is a field of the request's JSON, for example a reference that must be unique."""

    field: str


Idempotency: TypeAlias = KeyInHeader | KeyInField | Literal["none"]
"""Where the key goes; `none` where the system takes none, and `skip_if` or the nature of the request must do."""


class RefusedWhen(Declared):
    """A typed refusal in an answer that says of success, as GraphQL unions have them.

    Attributes:
        field: Dotted path of the answer that is looked at.
        equals: Values that say of a refusal; written `is`.
        is_not: Values besides which all say of a refusal.
        code: Dotted path of the code that `error_codes` may know.
    """

    field: str
    equals: tuple[Scalar, ...] = Field(default=(), alias="is")
    is_not: tuple[Scalar, ...] = ()
    code: str | None = None

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if bool(self.equals) == bool(self.is_not):
            raise PydanticCustomError("refused_when", "either `is` or `is_not`, with the values")
        return self


class HttpStep(HttpForm):
    """One write, and the reads that go before it.

    Attributes:
        method: HTTP method of a REST request; JSON-RPC and GraphQL are always posted.
        body: Field of a flat request JSON to where its value comes from; `content` is for nested JSON.
        lookups: Reads that give values names, in order.
        skip_if: Says whether an earlier attempt has done the step.
        take: Name to the dotted path of the answer, for later steps.
        refused_when: How the answer says of a refusal although its status says of success.
        reference: Dotted path of the answer to the system's own identifier of the effect.
    """

    method: Literal["POST", "PUT", "PATCH", "DELETE"] | None = None
    body: Mapping[str, BodySource] = Field(default_factory=dict)
    lookups: tuple[HttpLookup, ...] = ()
    skip_if: HttpSkipIf | None = None
    take: Mapping[_TakenName, str] = Field(default_factory=dict)
    refused_when: RefusedWhen | None = None
    reference: str | None = None

    @model_validator(mode="after")
    def _is_sent_one_way(self) -> Self:
        if (self.form is RequestForm.REST) != (self.method is not None):
            raise PydanticCustomError("method", "`method` with `path`, and not with `call` and `query`")
        if self.body and (self.content is not None or self.form is not RequestForm.REST):
            raise PydanticCustomError("body", "one of `body`, `content`, `call` and `query`")
        return self


class HttpMessage(HttpStep):
    """One message the system takes: one write, or several steps of which each is safe to repeat.

    Attributes:
        precondition: Field of the request's JSON to the precondition the system compares itself.
        precondition_read: What is compared just before the first write, where the system compares nothing.
        read_back: How the effect is looked for; without it a read-back is UNKNOWN.
        idempotency: Where the idempotency key goes.
        then: Further steps, in order.
    """

    precondition: Mapping[str, str] = Field(default_factory=dict)
    precondition_read: HttpPreconditionRead | None = None
    read_back: HttpReadBack | None = None
    idempotency: Idempotency = KeyInHeader()
    then: tuple[HttpStep, ...] = ()

    @model_validator(mode="after")
    def _fields_have_a_place(self) -> Self:
        has_object = self.form is RequestForm.REST and (self.content is None or isinstance(self.content, dict))
        if (self.precondition or isinstance(self.idempotency, KeyInField)) and not has_object:
            raise PydanticCustomError(
                "request", "a REST request with a JSON object for `precondition` and `idempotency: {field: ...}`"
            )
        return self
