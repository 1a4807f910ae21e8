"""`fulfillment messages`: what the platform may ask of other systems, and the schemas it publishes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from fulfillment_pipelines.commands.output import AsJson, console, show_json, show_rows
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.messages.catalogue import CATALOGUE, message_type
from fulfillment_pipelines.messages.fields import UNIT_KEY
from fulfillment_pipelines.messages.json_schema import (
    INDEX_NAME,
    message_schema,
    narrowings,
    schema_index,
    schema_path,
    undone_by,
)
from fulfillment_pipelines.messages.message import MessageType

app = typer.Typer(no_args_is_help=True, help="The messages that systems are asked to take, and their schemas.")

Folder = Annotated[Path, typer.Option("--into", help="Folder the schemas are written to.")]


@app.command("list")
def list_messages(as_json: AsJson = False) -> None:
    """List every message, what it asks for and how it is undone.

    Example: fulfillment messages list
    """
    rows = [
        {
            "message": message.name,
            "version": message.version,
            "object": message.object.value,
            "asks": message.asks,
            "undone_by": undone_by(message),
        }
        for message in CATALOGUE.values()
    ]
    show_rows("Messages", rows, as_json=as_json)


@app.command("show")
def show_message(
    name: Annotated[str, typer.Argument(help="Message, for example ship.confirm.")], as_json: AsJson = False
) -> None:
    """Show one message: its fields with their units, its precondition, its inverse, who reacts to it.

    Example: fulfillment messages show ship.confirm
    """
    message = message_type(name)
    schema = message_schema(message)
    if as_json:
        show_json(schema)
        return
    console().print(f"[bold]{message.title}[/]  {message.object.value}")
    console().print(message.asks, markup=False)
    console().print(f"Undone by: {undone_by(message)}", markup=False)
    for part in ("payload", "precondition"):
        show_rows(part.capitalize(), _field_rows(schema["properties"][part]), as_json=False)
    reactions = [{"role": reaction.role, "does": reaction.does} for reaction in message.reactions]
    show_rows("Systems that react", reactions, as_json=False)


@app.command("schemas")
def write_schemas(into: Folder) -> None:
    """Write the JSON Schema of every message; refuses to narrow one that is published.

    Example: fulfillment messages schemas --into data/messages
    """
    schemas = {message.name: message_schema(message) for message in CATALOGUE.values()}
    for message in CATALOGUE.values():
        _require_compatible(into / schema_path(message), message, schemas[message.name])
    for message in CATALOGUE.values():
        _write(into / schema_path(message), schemas[message.name])
    _write(into / INDEX_NAME, schema_index())
    console().print(f"{len(schemas)} schemas written to {into}", markup=False)


def _require_compatible(path: Path, message: MessageType, schema: dict[str, Any]) -> None:
    if not path.exists():
        return
    problems = narrowings(json.loads(path.read_text(encoding="utf-8")), schema)
    if problems:
        raise ConfigurationError(
            f"{message.title} is published and would be narrowed.",
            expected="that every content that fits the published schema fits the new one",
            found="; ".join(problems),
            remedy=f"take the change back, or give '{message.name}' the version {message.version + 1}",
        )


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _field_rows(part: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "field": name,
            "required": name in part["required"],
            "is": _kind_of(field),
            "unit": field.get(UNIT_KEY, ""),
            "means": field.get("description", ""),
        }
        for name, field in part["properties"].items()
    ]


def _kind_of(field: dict[str, Any]) -> str:
    one = field.get("anyOf", [field])[0]
    if "enum" in one:
        return ", ".join(one["enum"])
    if one.get("format") == "date-time":
        return "instant"
    return "decimal text" if UNIT_KEY in field else {"string": "text"}.get(one["type"], one["type"])
