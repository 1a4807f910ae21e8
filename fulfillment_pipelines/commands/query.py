"""`fulfillment query`: ask the lake in SQL, read-only, while a run may be writing."""

from __future__ import annotations

from typing import Annotated

import typer

from fulfillment_pipelines.commands.opening import Config, reading_lake
from fulfillment_pipelines.commands.output import AsJson, show_rows

app = typer.Typer()


@app.command()
def query(
    statement: Annotated[str, typer.Argument(metavar="SQL", help="One select.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Ask the lake; nothing in it can be written, and a run may be writing at the same time.

    Example: fulfillment query "select verdict, line_count from mart_line_verdicts"
    """
    with reading_lake(config) as warehouse:
        rows = warehouse.query(statement).to_pylist()
    show_rows("Result", rows, as_json=as_json, empty="no row")
