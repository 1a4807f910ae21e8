"""How well a product finds what is truly wrong: precision, recall and time to detect for each code.

Pure functions over labels and observed cases; where the cases come from belongs to the command line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import TypeAlias

from fulfillment_pipelines.twin.labels import Label

Identity: TypeAlias = tuple[str, str, str]
"""Code, business key and node: what makes a case the same case."""


@dataclass(frozen=True, slots=True)
class ObservedCase:
    """One exception the product has opened.

    Attributes:
        code: Exception code.
        business_key: What it is about.
        node: The site, or an empty string.
        first_detected_at: When it was first opened, in the time of the systems.
    """

    code: str
    business_key: str
    node: str
    first_detected_at: datetime


@dataclass(frozen=True, slots=True)
class CodeScore:
    """How well one code is found; one row of the score's table.

    Attributes:
        code: Exception code.
        injected: Faults that were injected.
        observed: Cases that were opened.
        found: Faults that have their case.
        precision: found / observed; None when nothing was observed.
        recall: found / injected; None when nothing was injected.
        detect_seconds: Median time from the moment the condition became true to the case; None when none was found.
        missed: Faults without a case.
        false_alarms: Cases without a fault.
    """

    code: str
    injected: int
    observed: int
    found: int
    precision: float | None
    recall: float | None
    detect_seconds: float | None
    missed: tuple[Identity, ...]
    false_alarms: tuple[Identity, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """The scores of all codes that were injected or observed, in the order of the codes."""

    codes: tuple[CodeScore, ...]

    @property
    def perfect(self) -> bool:
        """Whether every fault was found and nothing else was."""
        return not any(code.missed or code.false_alarms for code in self.codes)

    @property
    def total(self) -> CodeScore:
        """The score over all codes."""
        detect = [code.detect_seconds for code in self.codes if code.detect_seconds is not None]
        injected = sum(code.injected for code in self.codes)
        observed = sum(code.observed for code in self.codes)
        found = sum(code.found for code in self.codes)
        return CodeScore(
            code="all",
            injected=injected,
            observed=observed,
            found=found,
            precision=_share(found, observed),
            recall=_share(found, injected),
            detect_seconds=median(detect) if detect else None,
            missed=tuple(missed for code in self.codes for missed in code.missed),
            false_alarms=tuple(alarm for code in self.codes for alarm in code.false_alarms),
        )


def score(labels: Iterable[Label], cases: Iterable[ObservedCase]) -> Score:
    """Compare what was found with what is true.

    Args:
        labels: The truth.
        cases: Every case that was opened, whatever has become of it. A case opened twice under one identity counts
            once, from its first moment.
    """
    true_since = {(label.code, label.business_key, label.node): label.condition_since for label in labels}
    detected_at: dict[Identity, datetime] = {}
    for case in cases:
        identity = (case.code, case.business_key, case.node)
        detected_at[identity] = min(case.first_detected_at, detected_at.get(identity, case.first_detected_at))
    codes = sorted({code for code, _, _ in (*true_since, *detected_at)})
    return Score(tuple(_score_code(code, true_since, detected_at) for code in codes))


def table_rows(result: Score) -> Sequence[tuple[str, str, str, str, str, str, str]]:
    """Return rows for a table: code, injected, observed, found, precision, recall, detect seconds; the total last."""
    return [
        (
            row.code,
            str(row.injected),
            str(row.observed),
            str(row.found),
            _shown(row.precision, "{:.2f}"),
            _shown(row.recall, "{:.2f}"),
            _shown(row.detect_seconds, "{:.0f}"),
        )
        for row in (*result.codes, result.total)
    ]


def _score_code(code: str, true_since: dict[Identity, datetime], detected_at: dict[Identity, datetime]) -> CodeScore:
    injected = {identity for identity in true_since if identity[0] == code}
    observed = {identity for identity in detected_at if identity[0] == code}
    found = injected & observed
    detect = [(detected_at[identity] - true_since[identity]).total_seconds() for identity in found]
    return CodeScore(
        code=code,
        injected=len(injected),
        observed=len(observed),
        found=len(found),
        precision=_share(len(found), len(observed)),
        recall=_share(len(found), len(injected)),
        detect_seconds=median(detect) if detect else None,
        missed=tuple(sorted(injected - observed)),
        false_alarms=tuple(sorted(observed - injected)),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _shown(value: float | None, pattern: str) -> str:
    return "-" if value is None else pattern.format(value)
