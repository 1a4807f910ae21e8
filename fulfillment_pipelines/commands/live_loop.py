"""`fulfillment live`: run the live loop, and show how it is doing."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fulfillment_pipelines.commands.opening import Config
from fulfillment_pipelines.commands.output import EXIT_FAILED, AsJson, console, show_json, show_rows
from fulfillment_pipelines.domain.clock import WallClock
from fulfillment_pipelines.loop.live.charge import is_in_charge
from fulfillment_pipelines.loop.live.status import LiveStatus, read_status
from fulfillment_pipelines.loop.platform import runtime_folder
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.systems.distributor import load_distributor

app = typer.Typer(no_args_is_help=True, help="The live loop: from a change in a system to a correction in seconds.")


@app.command("run")
def run(
    config: Config = None,
    report: Annotated[bool, typer.Option(help="Tell Dagster (DAGSTER_HOME) what every round brought.")] = True,
) -> None:
    """Run the live loop until Ctrl-C; `fulfillment up` does so beside Dagster. One loop for each runtime folder.

    Example: fulfillment live run --no-report
    """
    from fulfillment_pipelines.orchestration.live_process import run_live  # noqa: PLC0415 - what shows the status needs none of it

    run_live(read_settings(), config=config, report=report, say=lambda words: console().print(words, markup=False))


@app.command("status")
def show_status(config: Config = None, as_json: AsJson = False) -> None:
    """Show whether the loop runs, how far behind each system is, and what waits to be delivered.

    Ends with 1 where no loop runs, or none that has shown itself of late.

    Example: fulfillment live status --json
    """
    settings = read_settings()
    distributor = load_distributor(config or settings.config, settings.runtime_dir)
    folder = runtime_folder(settings, distributor)
    status = read_status(folder)
    if status is None:
        console().print(
            "No live loop has run here: `fulfillment up` or `fulfillment live run` starts it.", markup=False
        )
        raise typer.Exit(EXIT_FAILED)
    is_running = is_in_charge(folder, WallClock().now())
    if as_json:
        show_json({"is_running": is_running, **status.model_dump(mode="json")})
    else:
        console().print(_told(status, is_running=is_running), markup=False)
        show_rows("Systems", _system_rows(status), as_json=False, empty="none has answered yet")
    if not is_running:
        raise typer.Exit(EXIT_FAILED)


def _told(status: LiveStatus, *, is_running: bool) -> str:
    stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in status.last_round_seconds.items())
    lines = [
        f"{'Running' if is_running else 'Not running'}, {status.doing} at {status.beat_at:%H:%M:%S}",
        f"Since {status.began_at:%Y-%m-%d %H:%M:%S}: {status.rounds} rounds, {status.changed_rows} changed rows",
        f"Last round (seconds): {stages or 'none yet'}; waited for other writers {status.lake_wait_seconds:.1f} in all",
        f"To be delivered: {sum(status.deliveries_waiting.values())}, of which protective {status.protective_waiting}",
    ]
    return "\n".join([*lines, *([f"Trouble: {status.trouble}"] if status.trouble else [])])


def _system_rows(status: LiveStatus) -> list[dict[str, Any]]:
    return [
        {
            "system": name,
            "state": lag.state,
            "lag_seconds": lag.lag_seconds,
            "has_more": lag.has_more,
            "answer_seconds": lag.asked_seconds,
            "waiting": status.deliveries_waiting.get(name, 0),
            "problem": lag.problem,
        }
        for name, lag in sorted(status.systems.items())
    ]
