"""`fulfillment twin`: the simulated distributor, its faults, its truth, and how well they are found."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from fulfillment_pipelines.commands.output import EXIT_FAILED, AsJson, console, show_json, show_rows
from fulfillment_pipelines.commands.scenario import scenario
from fulfillment_pipelines.commands.served_twin import begin_world, start_detached, stop_detached, twin_home
from fulfillment_pipelines.commands.twin_score import Faults, score_seeds, show_scores
from fulfillment_pipelines.commands.twin_volume import volume
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.twin.control.control_client import TwinClient
from fulfillment_pipelines.twin.state import TwinState

app = typer.Typer(no_args_is_help=True, help="The simulated distributor, with labelled faults.")

app.command("scenario")(scenario)
app.command("volume")(volume)

Seed = Annotated[int, typer.Option(help="The same seed gives the same world and the same faults.")]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@app.command("init")
def init(seed: Seed = 1, as_json: AsJson = False) -> None:
    """Boot the simulated systems and leave them running; a week of history, with faults, lies behind them.

    What was found in an earlier simulated world is forgotten.

    Example: fulfillment twin init --seed 7
    """
    with start_detached(begin_world(read_settings()), seed=seed) as twin:
        _show_state(twin.state(), as_json=as_json)


@app.command("stop")
def stop() -> None:
    """Stop the simulated systems.

    Example: fulfillment twin stop
    """
    stopped = stop_detached(twin_home(read_settings()))
    console().print("The twin has stopped." if stopped else "No twin was running.")


@app.command("advance")
def advance(
    duration: Annotated[str, typer.Argument(help="How much time passes: 90s, 31m, 2h or 1d.")], as_json: AsJson = False
) -> None:
    """Let simulated time pass: messages arrive, goods move, corrections take effect.

    Example: fulfillment twin advance 31m
    """
    seconds = _seconds(duration)
    with TwinClient.of_home(twin_home(read_settings())) as twin:
        _show_state(twin.advance(seconds), as_json=as_json)


@app.command("fault")
def fault(
    code: Annotated[str, typer.Argument(help="Exception code, for example SHP-01.")],
    count: Annotated[int, typer.Option(help="How many.", min=1)] = 1,
    as_json: AsJson = False,
) -> None:
    """Inject faults now.

    Example: fulfillment twin fault SHP-01 --count 2
    """
    with TwinClient.of_home(twin_home(read_settings())) as twin:
        labels = twin.inject(code.upper(), count)
    show_rows("Injected", [label.as_json() for label in labels], as_json=as_json)


@app.command("truth")
def truth(as_json: AsJson = False) -> None:
    """Show what is truly wrong: the label of every injected fault.

    Example: fulfillment twin truth --json
    """
    with TwinClient.of_home(twin_home(read_settings())) as twin:
        show_rows("Truth", [label.as_json() for label in twin.labels()], as_json=as_json)


@app.command("score")
def score_twin(
    seed: Annotated[list[int], typer.Option(help="Seed of a world; may be given several times.")] = [1],  # noqa: B006 - typer reads the default and never changes it
    faults: Annotated[
        Faults, typer.Option(help="Whether the worlds have faults; without any, all that is found is false.")
    ] = Faults.ALL,
    passes: Annotated[int, typer.Option(help="Most passes of the loop in each world.", min=1)] = 14,
    as_json: AsJson = False,
) -> None:
    """Boot worlds of their own, run the loop on each, and compare what was found with what is true.

    The loop and the world take turns until nothing new is found. Exits 1 when a fault was missed, a false alarm
    raised, a labelled line called right, or a residual left unexplained.

    Example: fulfillment twin score --seed 7 --seed 8 --faults all --json
    """
    scored = score_seeds(seed, faults, passes)
    show_scores(scored, as_json=as_json)
    if not all(world.perfect for world in scored):
        raise typer.Exit(EXIT_FAILED)


def _show_state(state: TwinState, *, as_json: bool) -> None:
    if as_json:
        show_json(asdict(state))
    else:
        show_rows("The simulated distributor", [asdict(state)], as_json=False)


def _seconds(duration: str) -> int:
    number, unit = duration[:-1], duration[-1:]
    if not number.isdecimal() or unit not in _UNITS:
        raise ConfigurationError(
            f"'{duration}' is not a duration.",
            expected="a whole number and s, m, h or d",
            found=repr(duration),
            remedy="write for example 90s, 31m, 2h or 1d",
        )
    return int(number) * _UNITS[unit]
