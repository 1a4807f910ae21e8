"""From a YAML file to a declared system, and the JSON Schema that says what such a file may hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import Discriminator, Tag, TypeAdapter

from fulfillment_pipelines.systems.declaration.edi import EdiEntity
from fulfillment_pipelines.systems.declaration.events import (
    BrokerEntity,
    NatsDeclaration,
    WebhookDeclaration,
    WebhookEntity,
)
from fulfillment_pipelines.systems.declaration.files import FileEntity, FilesDeclaration
from fulfillment_pipelines.systems.declaration.http import HttpDeclaration, HttpEntity
from fulfillment_pipelines.systems.declaration.memory import MemoryDeclaration, MemoryEntity
from fulfillment_pipelines.systems.declaration.sql import SqlDeclaration, SqlEntity
from fulfillment_pipelines.systems.yaml_file import PLACE, read_yaml

EntityDeclaration: TypeAlias = (
    HttpEntity | SqlEntity | FileEntity | EdiEntity | MemoryEntity | WebhookEntity | BrokerEntity
)
"""An entity of any transport; `match` on the class, or on `format`, to know how its pages are read."""

SystemDeclaration: TypeAlias = (
    HttpDeclaration | SqlDeclaration | FilesDeclaration | MemoryDeclaration | WebhookDeclaration | NatsDeclaration
)
"""A system of any transport."""


def _transport_kind(value: Any) -> str | None:
    if isinstance(value, Mapping):
        transport = value.get("transport")
        kind = transport.get("kind") if isinstance(transport, Mapping) else None
        return kind if isinstance(kind, str) else None
    kind = getattr(getattr(value, "transport", None), "kind", None)
    return kind if isinstance(kind, str) else None


_BY_TRANSPORT: TypeAdapter[SystemDeclaration] = TypeAdapter(
    Annotated[
        Annotated[HttpDeclaration, Tag("http")]
        | Annotated[SqlDeclaration, Tag("sql")]
        | Annotated[FilesDeclaration, Tag("files")]
        | Annotated[MemoryDeclaration, Tag("memory")]
        | Annotated[WebhookDeclaration, Tag("webhook")]
        | Annotated[NatsDeclaration, Tag("nats")],
        Discriminator(
            _transport_kind,
            custom_error_type="transport",
            custom_error_message="one of http, sql, files, webhook, nats, memory",
            custom_error_context={PLACE: "transport.kind"},
        ),
    ]
)


def load_declaration(path: Path) -> SystemDeclaration:
    """Read one system's declaration.

    Raises:
        ConfigurationError: The file cannot be read, or a line of it is not a declaration.
    """
    return read_yaml(path, _BY_TRANSPORT, what="system declaration")


def declaration_schema() -> dict[str, Any]:
    """Return the JSON Schema of a declaration file, for editors and for partners."""
    schema = _BY_TRANSPORT.json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "System declaration", **schema}
