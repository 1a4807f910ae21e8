"""Whole rounds of the loop over a distributor of data/samples whose systems run, and what people then see."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fulfillment_pipelines.domain.case import CaseState
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.ledger.readings import list_cases, list_corrections
from fulfillment_pipelines.loop.passes import PassResult, run_pass
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import Settings

SAMPLES = Path(__file__).parents[2] / "data" / "samples"

_BEGINS_AFTER = timedelta(minutes=30)
_BETWEEN_ROUNDS = timedelta(minutes=20)


@dataclass(frozen=True)
class Rounds:
    """A platform whose time passes between its rounds.

    Real systems stamp what is done to them with the machine's time. The platform's own clock runs ahead of it, so that
    what happened a moment ago is overdue without waiting; every round therefore asks for everything.
    """

    platform: Platform
    clock: FixedClock

    def run(self) -> PassResult:
        """Let time pass, and run one round."""
        self.clock.at += _BETWEEN_ROUNDS
        return run_pass(self.platform, full=True)

    def differences(self) -> set[tuple[str, str, str]]:
        """Return code, business key and what is wrong of every difference now."""
        found = self.platform.warehouse.query(
            "select code, business_key, actual_value from rec_findings where verdict = 'DIFFER'"
        )
        return {(row["code"], row["business_key"], row["actual_value"]) for row in found.to_pylist()}

    def corrections(self) -> dict[tuple[str, str], CorrectionState]:
        """Return the state of the newest correction by its case's code and key."""
        with self.platform.ledger.reading() as work:
            keys = {case.case_id: (case.code, case.business_key) for case in list_cases(work)}
            newest_last = reversed(list_corrections(work))
            return {keys[correction.case_id]: correction.state for correction in newest_last}

    def cases(self) -> dict[tuple[str, str], CaseState]:
        """Return the state of every case by code and key."""
        with self.platform.ledger.reading() as work:
            return {(case.code, case.business_key): case.state for case in list_cases(work)}


@contextlib.contextmanager
def rounds_of(sample: str, home: Path) -> Iterator[Rounds]:
    """Open the platform of a sample distributor.

    Args:
        sample: Its folder in data/samples.
        home: Takes everything made at run time; the references to its systems are in a folder of it.
    """
    clock = FixedClock(datetime.now(UTC) + _BEGINS_AFTER)
    settings = Settings(runtime_dir=home, duckdb_threads=1)
    with build_platform(settings, config=SAMPLES / sample / "distributor.yaml", clock=clock) as platform:
        platform.prepare()
        yield Rounds(platform, clock)
