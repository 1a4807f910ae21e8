"""`fulfillment twin volume`: a distributor of any size, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from fulfillment_pipelines.commands.output import console
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.systems.distributor import load_distributor
from fulfillment_pipelines.twin.volume.files import write_distributor
from fulfillment_pipelines.twin.volume.shape import Shape


def volume(
    into: Annotated[Path, typer.Option("--into", help="Folder to write into.")],
    lines: Annotated[int, typer.Option(help="Order lines, up to tens of millions.", min=1)] = 1_000_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 1,
    core: Annotated[
        bool, typer.Option("--core", help="Only the feeds of quantities and money: four rows a line, not fifteen.")
    ] = False,
) -> None:
    """Write a standing distributor of any size as Parquet files, with labelled faults, and a distributor file for it.

    Reconcile it with `fulfillment run --config volume/distributor.yaml`.

    Example: fulfillment twin volume --lines 1000000 --into volume
    """
    settings = read_settings()
    distributor = load_distributor(settings.config, settings.runtime_dir)
    shape = Shape.core(seed=seed, line_count=lines) if core else Shape(seed=seed, line_count=lines)
    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("order lines", total=lines)
        made = write_distributor(
            shape,
            distributor.systems,
            into,
            seeds=distributor.seeds,
            progress=lambda written: shown.update(task, completed=written),
        )
    console().print(f"{lines:,} order lines in {into}; next: fulfillment run --config {made}", markup=False)
