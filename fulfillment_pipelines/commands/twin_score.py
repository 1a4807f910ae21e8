"""`fulfillment twin score`: worlds of their own, the loop run on each, and what was found compared with what is true.

Running the worlds and showing the result belongs here; how a score is computed belongs to the twin.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from fulfillment_pipelines.commands.output import console, show_json, show_rows
from fulfillment_pipelines.commands.served_twin import serving
from fulfillment_pipelines.ledger import readings
from fulfillment_pipelines.loop.passes import run_pass
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.twin.control.control_client import TwinClient
from fulfillment_pipelines.twin.score import (
    CodeScore,
    ObservedCase,
    OrderLine,
    Score,
    combined,
    score,
    wrongly_green,
)
from fulfillment_pipelines.warehouse import SCRATCH

_SECONDS_BETWEEN_PASSES = 31 * 60
_QUIET_PASSES = 4  # what comes back after its correction needs three passes to be seen again


class Faults(StrEnum):
    """Which faults a scored world has."""

    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ScoredSeed:
    """What one world brought.

    Attributes:
        seed: Seed of the world.
        passes: Passes of the loop that were run.
        unexplained: Residuals that no finding explained, over all passes.
        result: Its score.
    """

    seed: int
    passes: int
    unexplained: int
    result: Score

    @property
    def perfect(self) -> bool:
        """Whether nothing was missed, nothing invented, nothing wrong called right and nothing left unexplained."""
        return self.result.perfect and not self.unexplained


def score_seeds(seeds: Sequence[int], faults: Faults, most_passes: int) -> list[ScoredSeed]:
    """Score one world after the other.

    Args:
        seeds: Seeds of the worlds.
        faults: Whether their histories have faults.
        most_passes: At most so many passes of the loop; fewer when nothing new is opened for some.
    """
    scored = []
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="fulfillment-score-") as folder:
            scored.append(_score_seed(Path(folder), seed, faults, most_passes))
    return scored


def show_scores(scored: Sequence[ScoredSeed], *, as_json: bool) -> None:
    """Print the score over all worlds, and what went wrong in each."""
    result = combined([world.result for world in scored])
    unexplained = sum(world.unexplained for world in scored)
    if as_json:
        show_json(
            {
                "seeds": [
                    {"seed": world.seed, "passes": world.passes, **_as_json(world.result, world.unexplained)}
                    for world in scored
                ],
                **_as_json(result, unexplained),
            }
        )
        return
    title = f"Score of seed {', '.join(str(world.seed) for world in scored)}"
    show_rows(title, [_row(row) for row in (*result.codes, result.total)], as_json=False)
    wrong = [
        {"seed": world.seed, "what": what, "code": code, "business_key": business_key, "node": node}
        for world in scored
        for what, identities in (("missed", world.result.total.missed), ("invented", world.result.total.false_alarms))
        for code, business_key, node in identities
    ]
    if wrong:
        show_rows("What was not found, and what is not true", wrong, as_json=False)
    console().print(f"FALSE GREEN = {result.false_green_rate:.2%} of {result.labelled_lines} labelled lines")
    console().print(f"UNEXPLAINED = {unexplained}")


def _score_seed(folder: Path, seed: int, faults: Faults, most_passes: int) -> ScoredSeed:
    home = folder / "twin_systems"
    # Nobody reads the lake of a score but the score, so it lies in memory.
    own = {
        "runtime_dir": folder,
        "lake_catalog": SCRATCH,
        "lake_data_url": None,
        "landing_url": None,
        "ledger_url": None,
    }
    with (
        serving(home, seed=seed, faults=faults is Faults.ALL) as ready,
        build_platform(read_settings().model_copy(update=own)) as platform,
    ):
        platform.prepare()
        return _run_loop(platform, ready(), seed, most_passes)


def _run_loop(platform: Platform, twin: TwinClient, seed: int, most_passes: int) -> ScoredSeed:
    """Let the loop and the world take turns until nothing new is opened; the first look and the last count as green."""
    labels = twin.labels()
    unexplained, passes, quiet = 0, 0, 0
    cases: list[ObservedCase] = []
    false_green: set[OrderLine] = set()
    while passes < most_passes and quiet < _QUIET_PASSES:
        if passes:
            twin.advance(_SECONDS_BETWEEN_PASSES)
        unexplained += run_pass(platform, full=passes == 0).reconciliation.unexplained
        known, cases = len(cases), _observed(platform)
        quiet = 0 if len(cases) > known else quiet + 1
        if passes == 0:
            false_green |= wrongly_green(labels, cases, _verdicts(platform))
        passes += 1
    false_green |= wrongly_green(labels, cases, _verdicts(platform))
    return ScoredSeed(seed, passes, unexplained, score(labels, cases, false_green))


def _observed(platform: Platform) -> list[ObservedCase]:
    with platform.ledger.reading() as work:
        cases = readings.list_cases(work, readings.CaseFilter(limit=1_000_000))
    return [
        ObservedCase(
            case.code,
            case.business_key,
            case.node,
            case.detected_at,
            is_child=case.parent_case_id is not None,
            is_open=not case.state.ended,
        )
        for case in cases
    ]


def _verdicts(platform: Platform) -> dict[OrderLine, str]:
    rows = platform.warehouse.query("select order_id, line_no, verdict from rec_line_verdicts").to_pylist()
    return {(row["order_id"], row["line_no"]): row["verdict"] for row in rows}


def _as_json(result: Score, unexplained: int) -> dict[str, Any]:
    return {
        "perfect": result.perfect,
        "unexplained": unexplained,
        "labelled_lines": result.labelled_lines,
        "false_green_rate": result.false_green_rate,
        "false_green": result.false_green,
        "codes": [
            {**_row(row), "missed": row.missed, "false_alarms": row.false_alarms}
            for row in (*result.codes, result.total)
        ],
    }


def _row(row: CodeScore) -> dict[str, Any]:
    return {
        "code": row.code,
        "injected": row.injected,
        "observed": row.observed,
        "found": row.found,
        "precision": row.precision,
        "recall": row.recall,
        "detect_seconds": row.detect_seconds,
    }
