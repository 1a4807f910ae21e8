"""`fulfillment version`: the product and the engines it rests on."""

from __future__ import annotations

from importlib import metadata

import typer

from fulfillment_pipelines.commands.output import AsJson, show_json, show_rows

app = typer.Typer()

_PACKAGES = (
    "fulfillment-pipelines",
    "duckdb",
    "duckdb-extension-ducklake",
    "dagster",
    "great-expectations",
    "sqlalchemy",
)


@app.command()
def version(as_json: AsJson = False) -> None:
    """Show the version of the product and of the engines it rests on.

    Example: fulfillment version --json
    """
    versions = {name: metadata.version(name) for name in _PACKAGES}
    if as_json:
        show_json(versions)
    else:
        show_rows(
            "Versions", [{"package": name, "version": number} for name, number in versions.items()], as_json=False
        )
