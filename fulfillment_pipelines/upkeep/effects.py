"""What a part of the upkeep has done: files, bytes and rows before and after, and what it could not let go of."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Stock:
    """Files and their bytes."""

    files: int = 0
    content_bytes: int = 0

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Count what lies in a folder, however deep; a file that goes meanwhile is not counted."""
        sizes = list(_sizes(folder))
        return cls(len(sizes), sum(sizes))

    def __add__(self, other: Stock) -> Stock:
        return Stock(self.files + other.files, self.content_bytes + other.content_bytes)

    def __sub__(self, other: Stock) -> Stock:
        return Stock(self.files - other.files, self.content_bytes - other.content_bytes)


@dataclass(frozen=True, slots=True)
class Effect:
    """What one part of the upkeep did, or in a dry run would do.

    Attributes:
        part: Its name.
        before: Files it is responsible for, before; none where its store is another machine's.
        after: The same, after.
        rows_removed: Rows that were let go of, over all tables.
        counts: What it did, in its own terms.
        kept: What was old enough and stayed, and why, a sentence each.
        seconds: How long it took.
    """

    part: str
    before: Stock = Stock()
    after: Stock = Stock()
    rows_removed: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def bytes_freed(self) -> int:
        """How much less it is; less than none where work since has added more."""
        return self.before.content_bytes - self.after.content_bytes


def _sizes(folder: Path) -> Iterator[int]:
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                yield os.stat(os.path.join(parent, name)).st_size  # noqa: PTH116, PTH118 - a month is 100,000 files
            except FileNotFoundError:
                continue
