"""How one HTTP request is declared, whatever asks it: REST by `path`, JSON-RPC by `call`, GraphQL by `query`.

Nested JSON with placeholders is described here; filling it belongs in `transports/http/filling.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Literal, Self, TypeAlias

from pydantic import ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from fulfillment_pipelines.systems.declaration.parts import Declared, LiteralValue

_NAME = r"[a-z_][a-z0-9_]*(?:\.[a-z]+)?"
PLACEHOLDER_TERM = re.compile(rf"(?P<sign>[+-])(?P<name>{_NAME})")
PLACEHOLDER = re.compile(rf"\{{(?P<name>{_NAME})(?:(?P<terms>(?:[+-]{_NAME})+):number|(?::(?P<kind>number))?)\}}")
"""A named value in text; with `:number` it becomes a JSON number, and may be a sum: `{held_qty+moved_qty:number}`."""


class RequestForm(StrEnum):
    """How a request is wrapped, and how its answer tells of errors."""

    REST = "rest"
    JSON_RPC = "json_rpc"
    GRAPHQL = "graphql"


JsonRpcVersion: TypeAlias = Literal["1.0", "2.0"]
"""Requests of 1.0 hold `id`, `method` and `params` alone; some systems answer properly to nothing else."""


class NumberValue(Declared):
    """A field of the correction that is sent as a JSON number: `{number: shipped_qty}`."""

    number: str


BodySource: TypeAlias = str | LiteralValue | NumberValue
"""Where a field of a flat request body comes from: a field of the correction, as it is or as a number, or a literal."""


def _path_stands_for_itself(schema: dict[str, Any]) -> None:
    """Let the published schema take a request without `path` where `call` or `query` says what is asked for."""
    schema["required"] = [name for name in schema.get("required", []) if name != "path"]
    schema["anyOf"] = [{"required": [name]} for name in ("path", "call", "query")]


class HttpForm(Declared):
    """One request.

    Attributes:
        path: Path below the base URL; may be left out with `call` and `query`, which then go to the base URL itself.
        call: Method of a JSON-RPC request.
        params: Its parameters, by position or by name; text with placeholders.
        query: Document of a GraphQL request, sent as it is.
        variables: Its variables; text with placeholders.
        content: Nested JSON of a REST request; text with placeholders.
    """

    model_config = ConfigDict(json_schema_extra=_path_stands_for_itself)

    path: str
    call: str | None = None
    params: list[JsonValue] | dict[str, JsonValue] = Field(default_factory=list)
    query: str | None = None
    variables: dict[str, JsonValue] = Field(default_factory=dict)
    content: JsonValue = None

    @property
    def form(self) -> RequestForm:
        """How the request is wrapped."""
        if self.call is not None:
            return RequestForm.JSON_RPC
        return RequestForm.REST if self.query is None else RequestForm.GRAPHQL

    @property
    def template(self) -> JsonValue:
        """The part of the request that holds placeholders."""
        match self.form:
            case RequestForm.JSON_RPC:
                return self.params
            case RequestForm.GRAPHQL:
                return self.variables
            case RequestForm.REST:
                return self.content

    @model_validator(mode="before")
    @classmethod
    def _path_may_be_the_base_url(cls, written: Any) -> Any:
        if isinstance(written, Mapping) and "path" not in written and ("call" in written or "query" in written):
            return {**written, "path": ""}
        return written

    @model_validator(mode="after")
    def _has_one_form(self) -> Self:
        if self.call is not None and self.query is not None:
            raise PydanticCustomError("request", "either `call` (JSON-RPC) or `query` (GraphQL)")
        for name, value, form in (
            ("params", self.params, RequestForm.JSON_RPC),
            ("variables", self.variables, RequestForm.GRAPHQL),
            ("content", self.content, RequestForm.REST),
        ):
            if value and self.form is not form:
                needed = {"params": "with `call`", "variables": "with `query`", "content": "without `call` and `query`"}
                raise PydanticCustomError("request", "`{name}` only {needed}", {"name": name, "needed": needed[name]})
        return self


class HttpRead(HttpForm):
    """A request that changes nothing.

    Attributes:
        method: HTTP method of a REST request; JSON-RPC and GraphQL are always posted.
    """

    method: Literal["GET", "POST"] = "GET"

    @model_validator(mode="after")
    def _content_is_posted(self) -> Self:
        if self.form is not RequestForm.REST and "method" in self.model_fields_set:
            raise PydanticCustomError("method", "no `method` with `call` and `query`: they are posted")
        if self.content is not None and self.method == "GET":
            raise PydanticCustomError("method", "`method: POST` with `content`")
        return self


def coded_value(template: Mapping[str, JsonValue]) -> tuple[str, Mapping[str, JsonValue]] | None:
    """Return the name and the codes of a value that is sent by its code; None for any other JSON object.

    Nested JSON spells it `{map: shown_status, codes: {SHIPPED: Shipped, CANCELLED: Cancelled}}`: our code to what is
    sent.
    """
    name, codes = template.get("map"), template.get("codes")
    if template.keys() != {"map", "codes"} or not isinstance(name, str) or not isinstance(codes, Mapping):
        return None
    return name, codes


def placeholders_in(content: JsonValue | Iterable[str]) -> frozenset[str]:
    """Return the names that nested JSON or some texts are filled with."""
    if isinstance(content, str):
        return frozenset(
            name
            for found in PLACEHOLDER.finditer(content)
            for name in (found["name"], *(term["name"] for term in PLACEHOLDER_TERM.finditer(found["terms"] or "")))
        )
    if isinstance(content, Mapping):
        coded = coded_value(content)
        return placeholders_in([*content, *content.values()]) if coded is None else frozenset({coded[0]})
    if isinstance(content, Iterable):
        return frozenset().union(*(placeholders_in(part) for part in content))
    return frozenset()
