"""`fulfillment causes`: what the open breaks have in common, so that one correction may cure many."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from fulfillment_pipelines.commands.opening import Config, reading_lake
from fulfillment_pipelines.commands.output import AsJson, Money, console, show_json, show_rows
from fulfillment_pipelines.explanation.causes import Cause, find_causes
from fulfillment_pipelines.explanation.questions import Questions
from fulfillment_pipelines.settings import read_settings

app = typer.Typer()


@app.command()
def causes(
    limit: Annotated[int, typer.Option(help="At most so many causes.", min=1)] = 10,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Cluster the open breaks by what they have in common: few descriptions that cover most of them.

    Example: fulfillment causes --limit 5
    """
    folder = read_settings().project_root / "sql" / "50_explanation"
    with reading_lake(config) as warehouse:
        found = find_causes(Questions(warehouse, folder), limit=limit)
    if as_json:
        show_json(asdict(found))
        return
    show_rows("Common causes", [_row(cause) for cause in found.causes], as_json=False, empty="no break has one")
    covered = found.break_count - found.uncovered_count
    console().print(f"{covered:,} of {found.break_count:,} breaks are covered; consequences of others are not counted.")


def _row(cause: Cause) -> dict[str, Any]:
    return {
        "breaks": cause.break_count,
        "share": f"{cause.share_percent} %",
        "what they have in common": cause.description,
        "and nearly all": cause.also,
        "lift": cause.lift,
        "value at risk": Money(cause.value_at_risk),
        "codes": ", ".join(cause.codes),
        "example": cause.example,
    }
