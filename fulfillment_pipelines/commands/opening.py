"""What every command opens first: settings, the distributor file, the platform, the lake or the ledger to read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.loop.platform import Platform, build_platform, open_lake, open_ledger
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.systems.distributor import load_distributor
from fulfillment_pipelines.warehouse import Warehouse

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", help="Distributor file; the simulated distributor unless given.", exists=True, dir_okay=False
    ),
]


@contextmanager
def opened_platform(config: Path | None) -> Iterator[Platform]:
    """Open everything the loop needs, with its tables in place."""
    with build_platform(read_settings(), config=config) as platform:
        platform.prepare()
        yield platform


@contextmanager
def opened_for_decisions(config: Path | None) -> Iterator[tuple[Platform, datetime]]:
    """Open what people's decisions need, with the present of the deployment.

    The lake is only asked for the time: a decision does not wait for a run that writes it.
    """
    with build_platform(read_settings(), config=config) as platform:
        platform.prepare_ledger()
        yield platform, platform.clock.now()


@contextmanager
def reading_lake(config: Path | None) -> Iterator[Warehouse]:
    """Open the lake so that nothing can be written; a run may write at the same time."""
    settings = read_settings()
    distributor = load_distributor(config or settings.config, settings.runtime_dir)
    warehouse = open_lake(settings, distributor, read_only=True)
    try:
        yield warehouse
    finally:
        warehouse.close()


@contextmanager
def reading_ledger(config: Path | None) -> Iterator[UnitOfWork]:
    """Open the ledger for reading."""
    settings = read_settings()
    ledger = open_ledger(settings, load_distributor(config or settings.config, settings.runtime_dir))
    try:
        ledger.migrate()
        with ledger.reading() as work:
            yield work
    finally:
        ledger.close()
