"""`fulfillment twin scenario`: play an acceptance scenario against a distributor and a product of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fulfillment_pipelines.commands.output import EXIT_FAILED, AsJson, console, show_json, show_rows
from fulfillment_pipelines.commands.scenario_player import ScenarioPlayer, StepOutcome
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.loop.platform import build_platform
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.twin.scenarios.catalogue import SCENARIOS
from fulfillment_pipelines.twin.scenarios.script import Scenario
from fulfillment_pipelines.twin.twin import Twin


def scenario(
    scenario_id: Annotated[str | None, typer.Argument(help="For example SCN-D; without it all are listed.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same world.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Play an acceptance scenario: what happens at each step, and whether what must follow does.

    It boots a distributor of its own and leaves the one that is served alone. Exits 1 when an expectation fails.

    Example: fulfillment twin scenario SCN-F
    """
    if scenario_id is None:
        rows = [{"scenario_id": one.scenario_id, "title": one.title, "steps": len(one.steps)} for one in _all()]
        show_rows("Scenarios", rows, as_json=as_json)
        return
    chosen = _chosen(scenario_id)
    if not as_json:
        console().print(f"[bold]{chosen.scenario_id}[/]  {chosen.title}\n{chosen.story}\n")
    outcomes = _played(chosen, seed, quiet=as_json)
    failed = [outcome for outcome in outcomes if outcome.held is False]
    if as_json:
        show_json(
            {
                "scenario_id": chosen.scenario_id,
                "title": chosen.title,
                "seed": seed,
                "held": not failed,
                "steps": [asdict(outcome) for outcome in outcomes],
            }
        )
    else:
        expectations = sum(outcome.held is not None for outcome in outcomes)
        console().print(f"\n{expectations - len(failed)} of {expectations} expectations held.")
    if failed:
        raise typer.Exit(EXIT_FAILED)


def _all() -> Sequence[Scenario]:
    return tuple(SCENARIOS.values())


def _chosen(scenario_id: str) -> Scenario:
    chosen = SCENARIOS.get(scenario_id.upper())
    if chosen is None:
        raise ConfigurationError(
            f"There is no scenario '{scenario_id}'.",
            expected=f"one of {', '.join(SCENARIOS)}",
            found=scenario_id,
            remedy="`fulfillment twin scenario` lists them",
        )
    return chosen


def _played(chosen: Scenario, seed: int, *, quiet: bool) -> Sequence[StepOutcome]:
    with tempfile.TemporaryDirectory(prefix="fulfillment-scenario-") as name:
        folder = Path(name)
        own = {
            "runtime_dir": folder,
            "lake_catalog": None,
            "lake_data_url": None,
            "landing_url": None,
            "ledger_url": None,
        }
        settings = read_settings().model_copy(update=own)
        with (
            Twin.start(folder / "twin_systems", seed, faults=False) as twin,
            build_platform(settings) as platform,
        ):
            platform.prepare()
            player = ScenarioPlayer(twin, platform, told=(lambda _: None) if quiet else _tell)
            return player.play(chosen)


def _tell(outcome: StepOutcome) -> None:
    mark = {None: " ", True: "[green]yes[/]", False: "[bold red]NO[/]"}[outcome.held]
    told = console()
    told.print(f"{outcome.number:>3}  {outcome.says}  {mark}")
    told.print(f"     {outcome.did}", style="dim", markup=False)
