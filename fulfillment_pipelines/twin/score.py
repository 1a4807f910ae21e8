"""How well a product finds what is truly wrong: precision, recall, time to detect, and what it wrongly called right.

Pure functions over labels, observed cases and verdicts; where those come from belongs to the command line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Final, TypeAlias

from fulfillment_pipelines.twin.labels import Label

Identity: TypeAlias = tuple[str, str, str]
"""Code, business key and node: what makes a case the same case."""

OrderLine: TypeAlias = tuple[str, int]
"""ERP order number and line number."""

_ORDER_LINE: Final = re.compile(r"(?<![\w-])(SO-\d+)/(\d+)(?![\w-])")


@dataclass(frozen=True, slots=True)
class ObservedCase:
    """One exception the product has opened.

    Attributes:
        code: Exception code.
        business_key: What it is about.
        node: The site, or an empty string.
        first_detected_at: When it was first opened, in the time of the systems.
        is_child: Whether the product calls it an effect of another case: it then counts as that one's.
        is_open: Whether its cure has not been proved.
    """

    code: str
    business_key: str
    node: str
    first_detected_at: datetime
    is_child: bool = False
    is_open: bool = True

    @property
    def identity(self) -> Identity:
        """What makes it the same case."""
        return self.code, self.business_key, self.node


@dataclass(frozen=True, slots=True)
class CodeScore:
    """How well one code is found; one row of the score's table.

    Attributes:
        code: Exception code.
        injected: Faults that were injected.
        found: Faults that have their case.
        detected_after_seconds: From the moment the condition became true to the case, for each fault found, sorted.
        missed: Faults without a case.
        false_alarms: Cases without a fault that are nobody's child.
    """

    code: str
    injected: int
    found: int
    detected_after_seconds: tuple[float, ...]
    missed: tuple[Identity, ...]
    false_alarms: tuple[Identity, ...]

    @property
    def observed(self) -> int:
        """Cases that count."""
        return self.found + len(self.false_alarms)

    @property
    def precision(self) -> float | None:
        """Found of observed; None when nothing was observed."""
        return _share(self.found, self.observed)

    @property
    def recall(self) -> float | None:
        """Found of injected; None when nothing was injected."""
        return _share(self.found, self.injected)

    @property
    def detect_seconds(self) -> float | None:
        """Median time to detect; None when nothing was found."""
        return median(self.detected_after_seconds) if self.detected_after_seconds else None


@dataclass(frozen=True, slots=True)
class Score:
    """The scores of all codes that were injected or observed, in the order of the codes.

    Attributes:
        codes: One row a code.
        labelled_lines: Order lines that a fault is about.
        false_green: Those of them that were called AGREE although the fault was there.
    """

    codes: tuple[CodeScore, ...]
    labelled_lines: int = 0
    false_green: tuple[OrderLine, ...] = ()

    @property
    def perfect(self) -> bool:
        """Whether every fault was found, nothing else was, and nothing wrong was called right."""
        return not self.false_green and not any(code.missed or code.false_alarms for code in self.codes)

    @property
    def false_green_rate(self) -> float:
        """Labelled lines that were called AGREE, of all labelled lines; 0 where there are none."""
        return len(self.false_green) / self.labelled_lines if self.labelled_lines else 0.0

    @property
    def total(self) -> CodeScore:
        """The score over all codes."""
        return _summed("all", self.codes)


def score(labels: Iterable[Label], cases: Iterable[ObservedCase], false_green: Iterable[OrderLine] = ()) -> Score:
    """Compare what was found with what is true.

    A case whose code a label names as secondary, and that shares an object with the label, is part of that fault: it
    need not be there, and is no false alarm. So is every child of another case.

    Args:
        labels: The truth.
        cases: Every case that was opened, whatever has become of it. A case opened twice under one identity counts
            once, from its first moment.
        false_green: Labelled lines that were called right; see `wrongly_green`.
    """
    truth = list(labels)
    true_since = {identity_of(label): label.condition_since for label in truth}
    detected_at: dict[Identity, datetime] = {}
    alarms: set[Identity] = set()
    for case in cases:
        detected_at[case.identity] = min(case.first_detected_at, detected_at.get(case.identity, case.first_detected_at))
        if not case.is_child and not any(_explains(label, case) for label in truth):
            alarms.add(case.identity)
    codes = sorted({code for code, _, _ in (*true_since, *alarms)})
    return Score(
        tuple(_score_code(code, true_since, detected_at, alarms - true_since.keys()) for code in codes),
        len({line for label in truth for line in lines_of(label)}),
        tuple(sorted(set(false_green))),
    )


def combined(scores: Sequence[Score]) -> Score:
    """Return the score over several worlds."""
    codes = sorted({row.code for result in scores for row in result.codes})
    return Score(
        tuple(_summed(code, [row for result in scores for row in result.codes if row.code == code]) for code in codes),
        sum(result.labelled_lines for result in scores),
        tuple(line for result in scores for line in result.false_green),
    )


def wrongly_green(
    labels: Iterable[Label], cases: Iterable[ObservedCase], verdicts: Mapping[OrderLine, str]
) -> set[OrderLine]:
    """Return the labelled lines that are called AGREE while no case says that their fault was cured.

    Args:
        labels: The faults that are in the world by now.
        cases: Every case that was opened so far.
        verdicts: The verdict on each order line.
    """
    cured = {case.identity for case in cases if not case.is_open}
    return {
        line
        for label in labels
        if identity_of(label) not in cured and _cause_of(label) not in cured
        for line in lines_of(label)
        if verdicts.get(line) == "AGREE"
    }


def identity_of(label: Label) -> Identity:
    """Return the identity of the case that a fault must open."""
    return label.code, label.business_key, label.node


def lines_of(label: Label) -> set[OrderLine]:
    """Return the order lines a label's business key names."""
    return {(order_id, int(line_no)) for order_id, line_no in _ORDER_LINE.findall(label.business_key)}


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


def _score_code(
    code: str,
    true_since: Mapping[Identity, datetime],
    detected_at: Mapping[Identity, datetime],
    alarms: Iterable[Identity],
) -> CodeScore:
    injected = {identity for identity in true_since if identity[0] == code}
    found = injected & detected_at.keys()
    return CodeScore(
        code=code,
        injected=len(injected),
        found=len(found),
        detected_after_seconds=tuple(
            sorted((detected_at[identity] - true_since[identity]).total_seconds() for identity in found)
        ),
        missed=tuple(sorted(injected - found)),
        false_alarms=tuple(sorted(identity for identity in alarms if identity[0] == code)),
    )


def _summed(code: str, rows: Sequence[CodeScore]) -> CodeScore:
    return CodeScore(
        code=code,
        injected=sum(row.injected for row in rows),
        found=sum(row.found for row in rows),
        detected_after_seconds=tuple(sorted(seconds for row in rows for seconds in row.detected_after_seconds)),
        missed=tuple(missed for row in rows for missed in row.missed),
        false_alarms=tuple(alarm for row in rows for alarm in row.false_alarms),
    )


def _explains(label: Label, case: ObservedCase) -> bool:
    """Return whether a case is one of the secondary ones of a fault: a named code, about one of the fault's objects."""
    return case.code in label.secondary and bool(_objects(label.business_key) & _objects(case.business_key))


def _objects(business_key: str) -> set[str]:
    """Return the identifiers in a business key; line numbers alone identify nothing."""
    return {part for part in business_key.split("/") if not part.isdecimal()}


def _cause_of(label: Label) -> Identity:
    """Return the identity of the case whose correction fails, for the labels that are about corrections."""
    code, _, business_key = label.business_key.partition("/")
    return code, business_key, label.node


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _shown(value: float | None, pattern: str) -> str:
    return "-" if value is None else pattern.format(value)
