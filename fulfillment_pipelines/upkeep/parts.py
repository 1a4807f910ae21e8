"""The parts of the upkeep, in the order in which they make room for each other, and how each is run on a platform."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, Protocol

from fulfillment_pipelines.corrections.retaining.evidence import snapshots_named
from fulfillment_pipelines.corrections.retaining.retention import Retention
from fulfillment_pipelines.corrections.retaining.retention_policy import PlatformPeriods
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.loop.platform import Platform, lasting_archive_folder, runtime_folder
from fulfillment_pipelines.upkeep import decided, lake, landed, operations
from fulfillment_pipelines.upkeep.effects import Effect
from fulfillment_pipelines.upkeep.landed import LandedFiles

_LONGEST_LANDING: Final = timedelta(days=1)


class _Part(Protocol):
    def __call__(self, platform: Platform, *, dry_run: bool) -> Effect: ...


def run_part(platform: Platform, part: str, *, dry_run: bool) -> Effect:
    """Run one part and measure it.

    Args:
        platform: The platform, prepared.
        part: A name of `PARTS`.
        dry_run: Whether to leave all as it is, and only say what would go.

    Raises:
        RetryableError: The lake or the ledger is busy, or an archive cannot be written.
    """
    began = time.monotonic()
    effect = _RUNS[part](platform, dry_run=dry_run)
    return replace(effect, seconds=time.monotonic() - began)


def _landing(platform: Platform, *, dry_run: bool) -> Effect:
    now = platform.clock.now()
    with platform.ledger.unit_of_work() as work:
        evidence = snapshots_named(work, platform.policies.retention, now=now)
    return landed.let_go(
        _landed_files(platform),
        before=now - timedelta(days=_periods(platform).landed_days),
        half_written_before=platform.machine_clock.now() - _LONGEST_LANDING,
        evidence=evidence,
        dry_run=dry_run,
    )


def _operations(platform: Platform, *, dry_run: bool) -> Effect:
    period = timedelta(days=_periods(platform).operations_days)
    return operations.let_go(
        platform.warehouse,
        _landed_files(platform).identities(),
        before=platform.clock.now() - period,
        attempted_before=platform.machine_clock.now() - period,
        dry_run=dry_run,
    )


def _lake(platform: Platform, *, dry_run: bool) -> Effect:
    history = timedelta(days=_periods(platform).lake_history_days)
    return lake.keep_small(platform.warehouse, history=history, dry_run=dry_run)


def _ledger(platform: Platform, *, dry_run: bool) -> Effect:
    policies = platform.policies
    try:
        folder = lasting_archive_folder(platform.settings, platform.distributor)
    except ConfigurationError as error:
        # The other parts need no such folder, and would fill the disk meanwhile.
        return Effect(decided.NAME, kept=(f"Nothing of the ledger was let go of. {error}",))
    retention = Retention(policies.retention, policies.version, folder)
    actor, now = platform.settings.actor, platform.clock.now()
    return decided.let_go(platform.ledger, retention, actor=actor, now=now, dry_run=dry_run)


def _periods(platform: Platform) -> PlatformPeriods:
    return platform.policies.retention.platform


def _landed_files(platform: Platform) -> LandedFiles:
    folder = runtime_folder(platform.settings, platform.distributor) / "landing"
    return LandedFiles(folder, platform.warehouse, platform.landing)


# Landed files before the records of them, and what deletes rows of the lake before what merges its files.
_RUNS: Final[Mapping[str, _Part]] = {
    landed.NAME: _landing,
    operations.NAME: _operations,
    decided.NAME: _ledger,
    lake.NAME: _lake,
}

PARTS: Final[Sequence[str]] = tuple(_RUNS)
"""Their names, in order."""
