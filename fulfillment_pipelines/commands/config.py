"""`fulfillment config`: are the policy files right, and what may they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fulfillment_pipelines.commands.output import EXIT_CONFIGURATION, AsJson, console, show_rows
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.loop.seed_files import SEED_FILES
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.systems.declaration import declaration_schema
from fulfillment_pipelines.systems.distributor import load_distributor

app = typer.Typer(no_args_is_help=True, help="Policy files: tolerances, calendars, deadlines, routing, corrections.")

Folder = Annotated[Path, typer.Option("--into", help="Folder the schemas are written to.")]


@app.command("check")
def check(as_json: AsJson = False) -> None:
    """Read every policy file; a bad value is told by file and line, with its remedy. Exits 2 when one is wrong.

    Example: fulfillment config check
    """
    settings = read_settings()
    seeds = load_distributor(settings.config, settings.runtime_dir).seeds
    rows = []
    for file in SEED_FILES:
        problem = ""
        try:
            file.check(seeds)
        except ConfigurationError as error:
            problem = str(error)
        rows.append({"file": file.name, "holds": file.title, "problem": problem})
    show_rows("Policy files", rows, as_json=as_json)
    if any(row["problem"] for row in rows):
        raise typer.Exit(EXIT_CONFIGURATION)


@app.command("schemas")
def write_schemas(into: Folder) -> None:
    """Write the JSON Schema of every policy file and of a system's declaration, for editors and for partners.

    Example: fulfillment config schemas --into data/seeds/schemas
    """
    into.mkdir(parents=True, exist_ok=True)
    schemas = {file.schema_name: file.schema() for file in SEED_FILES} | {"system.schema.json": declaration_schema()}
    for name, schema in schemas.items():
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        (into / name).write_text(text, encoding="utf-8")
    console().print(f"{len(schemas)} schemas written to {into}", markup=False)
