"""Whether a pull is fast enough for how fresh the system is declared to be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from fulfillment_pipelines.certification.examination import Examination
from fulfillment_pipelines.certification.verdicts import Finding, failed, passed

_P95 = 0.95


def percentile_95(seconds: Sequence[float]) -> float:
    """Return what 95 of 100 keep to, by the nearest rank: the longest of fewer than twenty."""
    return sorted(seconds)[math.ceil(_P95 * len(seconds)) - 1]


def is_fast_enough(examination: Examination, entity: str) -> Finding:
    """A pull takes less than the age at which a snapshot is stale."""
    rows = examination.clean(entity).rows.num_rows
    while len(examination.durations[entity]) < examination.policy.timed_pulls:
        examination.pull_anew(entity)
    seconds = examination.durations[entity]
    p50, p95 = median(seconds), percentile_95(seconds)
    fresh = examination.subject.declaration.freshness_seconds
    evidence = {
        "pulls timed": len(seconds),
        "p50": f"{p50:.3f} s",
        "p95": f"{p95:.3f} s",
        "rows a second": f"{rows / p50:,.0f}" if p50 else "beyond measure",
        "stale after": f"{fresh} s",
    }
    if p95 >= fresh:
        return failed("A pull takes longer than its rows stay fresh.", **evidence)
    return passed(f"95 of 100 pulls take {p95:.3g} s or less; rows stay fresh for {fresh} s.", **evidence)
