"""The description of the API: it is the committed one, and within `/api/v1` it only grows.

After a change that adds something, `WRITE_OPENAPI=1` with this test writes `docs/openapi-v1.json` anew.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from fulfillment_pipelines.console.app import create_app
from fulfillment_pipelines.console.composition import Console

_COMMITTED = Path(__file__).resolve().parents[3] / "docs" / "openapi-v1.json"


def _breaks(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Return what a program that was made for the earlier description could no longer do."""
    for path, methods in before["paths"].items():
        for method, operation in methods.items():
            name = f"{method.upper()} {path}"
            today = now["paths"].get(path, {}).get(method)
            if today is None:
                yield f"{name} is gone"
            else:
                yield from (f"{name}: {what}" for what in _breaks_of_operation(operation, today))
    for name, schema in before["components"]["schemas"].items():
        today = now["components"]["schemas"].get(name)
        if today is None:
            yield f"{name} is gone"
        else:
            is_asked = schema.get("additionalProperties") is False and name in _asked(before)
            yield from (f"{name}: {what}" for what in _breaks_of_schema(schema, today, is_asked=is_asked))


def _breaks_of_operation(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    known, today = _parameters(before), _parameters(now)
    yield from (f"the parameter {name} is gone" for name in known.keys() - today.keys())
    yield from (f"the parameter {name} is demanded" for name, one in today.items() if _is_new_demand(known, name, one))
    yield from (
        f"the parameter {name} is of another kind"
        for name in known.keys() & today.keys()
        if _shape(known[name]["schema"]) != _shape(today[name]["schema"])
    )
    yield from (f"the answer {status} is gone" for status in before["responses"].keys() - now["responses"].keys())
    for status, answer in before["responses"].items():
        if status in now["responses"] and answer.get("content") != now["responses"][status].get("content"):
            yield f"the answer {status} is of another kind"
    if before.get("operationId") != now.get("operationId"):
        yield "the operation has another name"
    if before.get("requestBody") != now.get("requestBody"):
        yield "the body is of another kind"


def _is_new_demand(known: dict[str, Any], name: str, one: dict[str, Any]) -> bool:
    return bool(one.get("required")) and not known.get(name, {}).get("required")


def _breaks_of_schema(before: dict[str, Any], now: dict[str, Any], *, is_asked: bool) -> Iterator[str]:
    fields, today = before.get("properties", {}), now.get("properties", {})
    yield from (f"{name} is gone" for name in fields.keys() - today.keys())
    yield from (
        f"{name} is of another kind"
        for name in fields.keys() & today.keys()
        if _shape(fields[name]) != _shape(today[name])
    )
    if is_asked:
        yield from (f"{name} is demanded" for name in set(now.get("required", ())) - set(before.get("required", ())))
    else:
        yield from (
            f"{name} may be left out" for name in set(before.get("required", ())) - set(now.get("required", ()))
        )
    yield from (f"the value {value} is gone" for value in set(before.get("enum", ())) - set(now.get("enum", ())))


def _asked(described: dict[str, Any]) -> set[str]:
    """Return the names of the schemas that requests are made of."""
    bodies = [
        operation["requestBody"]
        for methods in described["paths"].values()
        for operation in methods.values()
        if "requestBody" in operation
    ]
    return {text.rsplit("/", 1)[1] for body in bodies for text in _references(body)}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "$ref":
                yield inner
            else:
                yield from _references(inner)


def _parameters(operation: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in operation.get("parameters", ())}


def _shape(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a program depends on: not the words."""
    return {name: value for name, value in schema.items() if name not in {"description", "examples", "title"}}


@pytest.fixture
def described(console: Console) -> dict[str, Any]:
    told: dict[str, Any] = (
        TestClient(create_app(console), base_url="http://127.0.0.1").get("/api/v1/openapi.json").json()
    )
    return told


def test_the_description_is_shown_to_anybody_and_only_grows(described: dict[str, Any]) -> None:
    committed = json.loads(_COMMITTED.read_text(encoding="utf-8"))
    assert list(_breaks(committed, described)) == [], "what is in use may not change: add beside it, or make /api/v2"
    if os.environ.get("WRITE_OPENAPI"):
        text = json.dumps(described, indent=1, sort_keys=True, ensure_ascii=False)
        _COMMITTED.write_text(text + "\n", encoding="utf-8")
    assert described == json.loads(_COMMITTED.read_text(encoding="utf-8")), "WRITE_OPENAPI=1 writes what was added"


def test_every_operation_says_what_it_is_for_and_how_one_proves_who_one_is(described: dict[str, Any]) -> None:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], (method, path)
            assert {"token": []} in operation["security"], (method, path)
            assert {"401", "403", "422", "429", "503"} <= operation["responses"].keys(), (method, path)


def test_what_would_break_a_program_is_recognised(described: dict[str, Any]) -> None:
    def changed(*where: str, gone: str = "", **put: Any) -> list[str]:
        now = copy.deepcopy(described)
        part = now
        for name in where:
            part = part[name]
        if gone:
            del part[gone]
        part.update(put)
        return list(_breaks(described, now))

    schemas = ("components", "schemas")
    assert changed() == []
    assert changed("paths", gone="/approvals") == ["GET /approvals is gone"]
    assert changed(*schemas, "OrderStatus", "properties", gone="coverage") == ["OrderStatus: coverage is gone"]
    assert changed(*schemas, "OrderStatus", "properties", coverage={"type": "number"}) == [
        "OrderStatus: coverage is of another kind"
    ]
    demanded = [*described["components"]["schemas"]["Comment"]["required"], "mood"]
    assert changed(*schemas, "Comment", required=demanded) == ["Comment: mood is demanded"]
    assert changed(*schemas, "Verdict", enum=["AGREE", "DIFFER", "TIMING"]) == ["Verdict: the value UNKNOWN is gone"]
    assert changed(*schemas, "OrderStatus", "properties", mood={"type": "string"}) == []
