"""Published schemas say what the models say, and are never narrowed under the same version."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fulfillment_pipelines.messages.catalogue import CATALOGUE
from fulfillment_pipelines.messages.json_schema import INDEX_NAME, message_schema, narrowings, schema_index, schema_path
from fulfillment_pipelines.messages.message import MessageType

PUBLISHED = Path(__file__).parents[3] / "data" / "messages"
EVERY_MESSAGE = pytest.mark.parametrize("message", CATALOGUE.values(), ids=lambda message: message.name)


def _published(message: MessageType) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((PUBLISHED / schema_path(message)).read_text(encoding="utf-8"))
    return content


@EVERY_MESSAGE
def test_the_published_schema_is_what_the_model_says(message: MessageType) -> None:
    assert _published(message) == message_schema(message), "run `make docs`"


@EVERY_MESSAGE
def test_a_schema_is_a_schema(message: MessageType) -> None:
    jsonschema.Draft202012Validator.check_schema(message_schema(message))


def test_the_index_lists_every_schema_of_the_present_versions() -> None:
    assert json.loads((PUBLISHED / INDEX_NAME).read_text(encoding="utf-8")) == schema_index(), "run `make docs`"
    assert {PUBLISHED / entry["schema"] for entry in schema_index()} <= set(PUBLISHED.rglob("*.schema.json"))


def test_a_schema_that_is_published_belongs_to_a_message_that_still_exists() -> None:
    names = {path.name.removesuffix(".schema.json") for path in PUBLISHED.rglob("*.schema.json")}
    assert names == set(CATALOGUE)


def _changed(change: Callable[[dict[str, Any]], object]) -> list[str]:
    published = message_schema(CATALOGUE["order.amend"])
    present = copy.deepcopy(published)
    change(present["properties"]["payload"])
    return narrowings(published, present)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda part: part["properties"].pop("sku"), "payload.sku is gone"),
        (lambda part: part["required"].append("sku"), "payload.sku has become required"),
        (
            lambda part: part["properties"]["ordered_qty"].update(anyOf=[{"type": "string", "pattern": "^[0-9]$"}]),
            "payload.ordered_qty no longer allows what it allowed",
        ),
        (
            lambda part: part["properties"]["sku"]["anyOf"].pop(),
            "payload.sku no longer allows what it allowed",
        ),
        (
            lambda part: part["properties"]["order_id"].update(enum=["SO-1"]),
            "payload.order_id no longer allows what it allowed",
        ),
    ],
    ids=["gone", "required", "pattern", "null", "codes"],
)
def test_a_narrowed_field_is_told(change: Callable[[dict[str, Any]], object], told: str) -> None:
    assert _changed(change) == [told]


@pytest.mark.parametrize(
    "change",
    [
        lambda part: part["properties"].update(colour={"type": "string"}),
        lambda part: part["required"].remove("order_id"),
        lambda part: part["properties"]["sku"].update(description="Said better."),
        lambda part: part["properties"].update(
            order_id={"anyOf": [part["properties"]["order_id"], {"type": "null"}], "description": "Or none."}
        ),
    ],
    ids=["added", "optional", "described", "null"],
)
def test_a_widened_field_is_no_narrowing(change: Callable[[dict[str, Any]], object]) -> None:
    assert _changed(change) == []


def test_codes_may_be_added_and_not_taken() -> None:
    few = message_schema(CATALOGUE["hold.apply"])
    many = copy.deepcopy(few)
    many["properties"]["payload"]["properties"]["hold_type"]["enum"].append("EXPORT")
    assert narrowings(few, many) == []
    assert narrowings(many, few) == ["payload.hold_type no longer allows what it allowed"]
