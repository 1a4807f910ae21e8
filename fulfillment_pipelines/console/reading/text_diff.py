"""What two texts say differently, line by line, with a few lines around each difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Final

_AROUND: Final = 3


class LineKind(StrEnum):
    """What a line of a comparison is."""

    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a comparison.

    Attributes:
        kind: Whether it was there before, is there after, or both.
        before_no: Its number before; None where it was not there.
        after_no: Its number after; None where it is not there.
        text: What it says.
    """

    kind: LineKind
    before_no: int | None
    after_no: int | None
    text: str


def diff_lines(before: str, after: str) -> tuple[DiffLine, ...]:
    """Return the comparison of two texts; none where they say the same."""
    old, new = before.splitlines(), after.splitlines()
    lines: list[DiffLine] = []
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(_AROUND):
        if lines:
            lines.append(DiffLine(LineKind.GAP, None, None, ""))
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                same = zip(range(old_from, old_to), range(new_from, new_to), strict=True)
                lines += [DiffLine(LineKind.SAME, was + 1, now + 1, old[was]) for was, now in same]
            else:
                lines += _numbered(LineKind.REMOVED, old, old_from, old_to)
                lines += _numbered(LineKind.ADDED, new, new_from, new_to)
    return tuple(lines)


def _numbered(kind: LineKind, texts: Sequence[str], start: int, end: int) -> list[DiffLine]:
    is_removed = kind is LineKind.REMOVED
    return [
        DiffLine(kind, number + 1 if is_removed else None, None if is_removed else number + 1, texts[number])
        for number in range(start, end)
    ]
