"""Messages as others read them: a JSON Schema each, an index of all, and what may not change once it is published.

Whether a content fits is decided by the models; the schemas say the same to partners and editors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from fulfillment_pipelines.messages.catalogue import CATALOGUE
from fulfillment_pipelines.messages.fields import UNIT_KEY, MessagePart
from fulfillment_pipelines.messages.message import MessageType, NotUndone

JsonSchema: TypeAlias = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
INDEX_NAME: Final = "index.json"
_PARTS: Final = ("payload", "precondition")
_SAYS_NOTHING_OF_VALUES: Final = frozenset({"description", "default", "title", UNIT_KEY})


def schema_path(message: MessageType) -> str:
    """Return where the schema of a message lies in the folder of schemas."""
    return f"v{message.version}/{message.name}.schema.json"


def message_schema(message: MessageType) -> JsonSchema:
    """Return the JSON Schema (draft 2020-12) of a message: its name, its version, its payload, its precondition."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:fulfillment-pipelines:message:{message.name}:{message.version}",
        "title": message.title,
        "description": message.asks,
        "x-object": message.object.value,
        "x-undone-by": undone_by(message),
        "type": "object",
        "additionalProperties": False,
        "required": ["message", "version", *_PARTS],
        "properties": {
            "message": {"const": message.name},
            "version": {"const": message.version},
            "payload": part_schema(message.payload),
            "precondition": part_schema(message.precondition),
        },
    }


def part_schema(content: type[MessagePart]) -> JsonSchema:
    """Return the JSON Schema of a payload or a precondition; every field says what it means."""
    schema = content.model_json_schema()
    return {
        "description": schema["description"],
        "type": "object",
        "additionalProperties": False,
        "required": schema.get("required", []),
        "properties": {name: _described(field) for name, field in schema.get("properties", {}).items()},
    }


def schema_index() -> list[JsonSchema]:
    """Return the list of all messages and where their schemas lie."""
    return [
        {
            "message": message.name,
            "version": message.version,
            "asks": message.asks,
            "object": message.object.value,
            "undone_by": undone_by(message),
            "schema": schema_path(message),
        }
        for message in sorted(CATALOGUE.values(), key=lambda message: message.name)
    ]


def undone_by(message: MessageType) -> str:
    """Return the name of the message that takes the effect back, or why none does."""
    inverse = message.inverse
    return f"none, because {inverse.because}" if isinstance(inverse, NotUndone) else inverse.message


def narrowings(published: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """Return why contents that fit a published schema may not fit the present one; empty where all still do.

    A field may be added if it is not required, allow more codes, or become optional. Everything else needs a new
    version of the message.
    """
    return [
        problem
        for part in _PARTS
        for problem in _part_narrowings(part, published["properties"][part], present["properties"][part])
    ]


def _part_narrowings(part: str, published: Mapping[str, Any], present: Mapping[str, Any]) -> Iterator[str]:
    for name in present["required"]:
        if name not in published["required"]:
            yield f"{part}.{name} has become required"
    for name, field in published["properties"].items():
        if name not in present["properties"]:
            yield f"{part}.{name} is gone"
        elif not _admits(_alternatives(present["properties"][name]), _alternatives(field)):
            yield f"{part}.{name} no longer allows what it allowed"


def _admits(present: list[JsonSchema], published: list[JsonSchema]) -> bool:
    return all(any(_is_wider(one, other) for one in present) for other in published)


def _is_wider(present: JsonSchema, published: JsonSchema) -> bool:
    codes = published.get("enum", [published["const"]] if "const" in published else None)
    allowed = present.get("enum", [present["const"]] if "const" in present else None)
    if codes is not None and allowed is not None:
        return set(codes) <= set(allowed)
    return present == published


def _alternatives(field: Mapping[str, Any]) -> list[JsonSchema]:
    """Return what a field may be, without what says nothing of its values."""
    found = field.get("anyOf", [field])
    return [{key: value for key, value in one.items() if key not in _SAYS_NOTHING_OF_VALUES} for one in found]


def _described(field: Mapping[str, Any]) -> JsonSchema:
    """Return a field without its generated title, and with the description and unit of its value beside its name."""
    value: JsonSchema = {key: content for key, content in field.items() if key != "title"}
    inner = value.get("anyOf", [{}])[0]
    lifted = {key: inner.pop(key) for key in ("description", UNIT_KEY) if key in inner}
    return {**lifted, **value}
