"""The messages as commands show and publish them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fulfillment_pipelines.messages.catalogue import CATALOGUE
from fulfillment_pipelines.messages.json_schema import message_schema, schema_path

Fulfillment = Callable[..., Any]
SHIP_CONFIRM = CATALOGUE["ship.confirm"]


def test_every_message_is_listed_with_its_inverse(fulfillment: Fulfillment) -> None:
    listed = {row["message"]: row for row in fulfillment("messages", "list", "--json").json()}
    assert set(listed) == set(CATALOGUE)
    assert listed["ship.confirm"]["undone_by"] == "ship.reverse"
    assert listed["case.create"]["undone_by"].startswith("none, because ")


def test_a_message_is_shown_with_its_fields_and_their_units(fulfillment: Fulfillment) -> None:
    said = fulfillment("messages", "show", "ship.confirm").stdout
    (quantity,) = [line for line in said.splitlines() if line.startswith("│shipped_qty")]
    assert [cell.strip() for cell in quantity.strip("│").split("│")] == [
        "shipped_qty",
        "yes",
        "decimal text",
        "base units of the item",
        "Quantity that left (qS).",
    ]
    assert "Undone by: ship.reverse" in said
    assert "may bill the leg" in said


def test_a_message_as_json_is_its_published_schema(fulfillment: Fulfillment) -> None:
    assert fulfillment("messages", "show", "ship.confirm", "--json").json() == message_schema(SHIP_CONFIRM)


def test_a_name_that_is_no_message_ends_with_those_there_are(fulfillment: Fulfillment) -> None:
    said = fulfillment("messages", "show", "ship.it")
    assert said.exit_code == 2
    assert "ship.confirm" in said.stderr


def test_schemas_are_written_with_an_index(fulfillment: Fulfillment, tmp_path: Path) -> None:
    into = tmp_path / "messages"
    assert fulfillment("messages", "schemas", "--into", str(into)).exit_code == 0
    index = json.loads((into / "index.json").read_text(encoding="utf-8"))
    assert {into / entry["schema"] for entry in index} == set(into.rglob("*.schema.json"))


def test_a_published_schema_is_not_narrowed(fulfillment: Fulfillment, tmp_path: Path) -> None:
    published = message_schema(SHIP_CONFIRM)
    published["properties"]["payload"]["properties"]["gross_weight"] = {"type": "string"}
    path = tmp_path / schema_path(SHIP_CONFIRM)
    path.parent.mkdir()
    path.write_text(json.dumps(published), encoding="utf-8")
    said = fulfillment("messages", "schemas", "--into", str(tmp_path))
    assert said.exit_code == 2
    assert "payload.gross_weight is gone" in said.stderr
    assert "version 2" in said.stderr
    assert json.loads(path.read_text(encoding="utf-8")) == published
    assert not (tmp_path / "index.json").exists()
