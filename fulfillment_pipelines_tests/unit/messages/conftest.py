"""What the tests of messages share: contents that fit, made from the schemas themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from fulfillment_pipelines.messages.fields import UNIT_KEY, MessagePart
from fulfillment_pipelines.messages.json_schema import part_schema

SampleOf = Callable[..., dict[str, Any]]


def _value(field: Mapping[str, Any]) -> Any:
    one = field.get("anyOf", [field])[0]
    if "enum" in one or "const" in one:
        return one.get("const", one.get("enum", [None])[0])
    if UNIT_KEY in field:
        return "12.5000"
    if one.get("format") == "date-time":
        return "2026-03-02T10:00:00Z"
    if one["type"] == "string":
        return {r"^[A-Z]{3}$": "USD", r"^[A-Z]{2}$": "IA"}.get(one.get("pattern", ""), "X-1")
    return {"integer": 1, "boolean": True}[one["type"]]


@pytest.fixture(scope="session")
def sample_of() -> SampleOf:
    """Return a function that gives a content that fits: every field, or only those that must be there."""

    def sample(shape: type[MessagePart], *, only_required: bool = False) -> dict[str, Any]:
        schema = part_schema(shape)
        return {
            name: _value(field)
            for name, field in schema["properties"].items()
            if not only_required or name in schema["required"]
        }

    return sample
