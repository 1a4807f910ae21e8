"""`fulfillment systems acknowledge`: answer what trading partners have sent with 997s."""

from __future__ import annotations

from typing import Annotated

import typer

from fulfillment_pipelines.commands.opening import Config
from fulfillment_pipelines.commands.output import AsJson, show_rows
from fulfillment_pipelines.loop.platform import build_platform
from fulfillment_pipelines.settings import read_settings


def acknowledge_documents(
    names: Annotated[list[str] | None, typer.Argument(help="Systems to answer for; without any, all.")] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Drop a 997 for each interchange that its partner is to be answered and has not been yet.

    Example: fulfillment systems acknowledge edi
    """
    with build_platform(read_settings(), config=config) as platform:
        platform.prepare_ledger()
        rows = [
            {"system": system, "answer": path}
            for system in names or platform.registry.systems
            for path in platform.registry.acknowledge(system)
        ]
    show_rows("Answers", rows, as_json=as_json)
