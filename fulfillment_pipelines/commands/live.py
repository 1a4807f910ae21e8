"""`fulfillment up`: the live deployment, until Ctrl-C."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from fulfillment_pipelines.commands.console import greet
from fulfillment_pipelines.commands.output import console
from fulfillment_pipelines.commands.served_twin import begin_world, serve_command, twin_home
from fulfillment_pipelines.console.access.address import require_private
from fulfillment_pipelines.orchestration.live import dagster_home, serve
from fulfillment_pipelines.settings import read_settings

app = typer.Typer()


@app.command()
def up(
    port: Annotated[int, typer.Option(help="Of the Dagster webserver; 0 chooses a free one.", min=0)] = 3000,
    speed: Annotated[float, typer.Option(help="Simulated seconds a real second.", min=0)] = 20.0,
    seed: Annotated[int, typer.Option(help="Of the simulated distributor.")] = 1,
    own_systems: Annotated[
        bool, typer.Option("--own-systems", help="Without the simulated distributor: the declared systems are yours.")
    ] = False,
) -> None:
    """Run the deployment: systems, live loop, console, Dagster webserver and daemon. Ctrl-C stops all of it.

    Example: fulfillment up --port 3001
    """
    settings = read_settings()
    home = twin_home(settings)
    command = None if own_systems else serve_command(home, seed=seed, speed=speed, parent=os.getpid())
    if not own_systems:
        begin_world(settings)
    require_private(settings)
    greet(settings)
    console().print("Starting; Ctrl-C stops everything. Logs: " + str(dagster_home(settings) / "logs"), markup=False)
    raise typer.Exit(
        serve(settings, command, port, _tell, twin_ready_file=None if own_systems else home / "twin.env", say=_say)
    )


def _tell(address: str) -> None:
    told = console()
    told.print(f"Dagster: [bold]{address}[/]  (lineage, runs, checks; the sensor and the schedule are on)")
    told.print(
        'Ask the lake from another terminal: fulfillment query "select * from mart_exception_summary"', markup=False
    )
    told.print("Disturb the distributor:            fulfillment twin fault SHP-01 --count 2", markup=False)


def _say(line: str) -> None:
    console().print(line, markup=False)
