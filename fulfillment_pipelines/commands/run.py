"""`fulfillment run`: the loop once, or the whole demonstration with the simulated distributor."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from fulfillment_pipelines.canonical.expectations import Validator
from fulfillment_pipelines.commands.opening import Config, opened_platform
from fulfillment_pipelines.commands.output import AsJson, console
from fulfillment_pipelines.commands.report import report_of, show_report
from fulfillment_pipelines.commands.served_twin import begin_world, serving
from fulfillment_pipelines.loop.passes import PassListener, PassResult, run_pass
from fulfillment_pipelines.loop.platform import Platform, runtime_folder
from fulfillment_pipelines.settings import read_settings

_DEMO_PASSES = ("what is wrong", "a second look", "the proof")
_DEMO_SECONDS_BETWEEN_PASSES = 31 * 60
"""Longer than the legacy warehouse's cycle, so that every system has spoken again."""

_DEMO_NEXT = (
    'query "select * from mart_exception_summary"',
    "exceptions list",
    "corrections list",
)

app = typer.Typer()


@app.command()
def run(  # noqa: PLR0917 - Typer reads the options from the signature
    config: Config = None,
    full: Annotated[bool, typer.Option("--full/--changes", help="Revisit everything, or only what changed.")] = True,
    expectations: Annotated[
        bool, typer.Option(help="Let Great Expectations judge what is pulled in a full pass.")
    ] = True,
    demo: Annotated[
        bool, typer.Option("--demo", help="Boot the simulated distributor, run three passes, and stop it again.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the simulated distributor, with --demo.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Run the loop: pull, check, reconcile, open and close cases, send corrections.

    Example: fulfillment run --config data/samples/olist/olist.yaml
    """
    if demo:
        _demonstrate(seed, expectations=expectations, as_json=as_json)
        return
    began = time.monotonic()
    with opened_platform(config) as platform, _validator(platform, wanted=expectations and full) as validator:
        result = _shown_pass(platform, "pass", full=full, validator=validator, quiet=as_json)
        report = report_of(platform, [result], time.monotonic() - began)
        show_report(report, runtime_folder(platform.settings, platform.distributor), as_json=as_json, next_steps=())


def _demonstrate(seed: int, *, expectations: bool, as_json: bool) -> None:
    """Three passes: what is wrong; what stands a second look is corrected; the systems prove the cure."""
    settings = read_settings()
    home = begin_world(settings)
    began = time.monotonic()
    with serving(home, seed=seed) as ready, opened_platform(None) as platform:
        with _validator(platform, wanted=expectations) as validator:
            if validator is not None:
                validator.warm_up()
            twin = ready()
            began = time.monotonic()
            results = []
            for number, purpose in enumerate(_DEMO_PASSES, start=1):
                if number > 1:
                    twin.advance(_DEMO_SECONDS_BETWEEN_PASSES)
                judge = validator if number == 1 else None
                title = f"pass {number}, {purpose}"
                results.append(_shown_pass(platform, title, full=number == 1, validator=judge, quiet=as_json))
        report = report_of(platform, results, time.monotonic() - began)
        show_report(report, runtime_folder(settings, platform.distributor), as_json=as_json, next_steps=_next_steps())


def _next_steps() -> list[str]:
    """What to type next, as it can be typed: the command is on the path only where the environment is activated."""
    beside_python = os.path.relpath(Path(sys.executable).with_name("fulfillment"))
    command = "fulfillment" if shutil.which("fulfillment") else beside_python
    return [*(f"{command} {step}" for step in _DEMO_NEXT), "make up        the live deployment, with the Dagster UI"]


@contextmanager
def _validator(platform: Platform, *, wanted: bool) -> Iterator[Validator | None]:
    if not wanted:
        yield None
        return
    with Validator(platform.warehouse) as validator:
        yield validator


def _shown_pass(platform: Platform, title: str, *, full: bool, validator: Validator | None, quiet: bool) -> PassResult:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[step]}"),
    )
    with Progress(*columns, console=console(), disable=quiet) as progress:
        shown: list[TaskID] = []

        def stage(name: str, steps: int) -> None:
            if shown:
                progress.update(shown[-1], step="")
            shown.append(progress.add_task(f"{title}: {name}", total=steps, step=""))

        def step(what: str) -> None:
            progress.update(shown[-1], advance=1, step=what)

        listener = PassListener(stage=stage, step=step)
        return run_pass(platform, full=full, validator=validator, listener=listener)
