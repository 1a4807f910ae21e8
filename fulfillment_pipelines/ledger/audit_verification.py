"""Verify a chain: read it once, and a second time only if it is broken, to say what was done to which row.

The first reading cuts the log into runs, whose rows follow each other in number and in hash; an untouched log is one
run. From the head backwards the hashes then lead from run to run: a run that they do not lead over was inserted, one
that stands elsewhere than they lead was moved, and where they lead to no row, one was removed or rewritten. Memory does
not grow with the log. What a row is belongs in `audit_chain`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from fulfillment_pipelines.ledger.audit_chain import (
    BEGINNING,
    AuditBreak,
    AuditReport,
    BreakKind,
    ChainEnd,
    ChainRow,
)
from fulfillment_pipelines.ledger.audit_runs import Run, explain, headless, tell_coarsely

RowsOf: TypeAlias = Callable[[], Iterable[ChainRow]]
"""Reads a log from its beginning, each time it is called."""

MOST_BREAKS: Final = 1_000
"""More broken places than these are counted and not told."""

_PROGRESS_ROWS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a log from elsewhere.

    Attributes:
        after: What comes before its first row.
        head: Where it must end; None where that is not known.
        anchors: Hashes that rows behind `after` had when they were published.
    """

    after: ChainEnd = BEGINNING
    head: ChainEnd | None = None
    anchors: tuple[ChainEnd, ...] = ()


def verify_chain(
    rows_of: RowsOf, expected: Expected, progress: Callable[[int], None] = lambda _rows: None
) -> AuditReport:
    """Verify a log.

    Args:
        rows_of: Reads it; called twice if it is broken.
        expected: What is known of it from elsewhere.
        progress: Told now and then how many rows were read.
    """
    walk = _Walk(expected)
    for row in rows_of():
        walk.take(row)
        if walk.rows % _PROGRESS_ROWS == 0:
            progress(walk.rows)
    progress(walk.rows)
    breaks = [*walk.edited, *walk.missed_anchors()]
    if not walk.is_whole():
        breaks.extend(_explained(walk, rows_of))
    breaks.sort(key=lambda found: (found.sequence, found.kind))
    told = tuple(breaks[:MOST_BREAKS])
    return AuditReport(
        walk.rows, walk.end.sequence, walk.end.row_hash, told, further=walk.untold + len(breaks) - len(told)
    )


@dataclass
class _Walk:
    """The first reading."""

    expected: Expected
    rows: int = 0
    untold: int = 0
    runs: list[Run] = field(default_factory=list)
    edited: list[AuditBreak] = field(default_factory=list)
    last: ChainRow | None = None
    last_own: str = ""
    _is_joined: bool = True
    _seen_anchors: dict[int, ChainRow] = field(default_factory=dict)
    _anchored: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        self._anchored = frozenset(anchor.sequence for anchor in self.expected.anchors)

    @property
    def end(self) -> ChainEnd:
        """Where the log ends."""
        return ChainEnd(self.last.sequence, self.last.row_hash) if self.last else self.expected.after

    def take(self, row: ChainRow) -> None:
        """Take the next row."""
        own = row.own_hash()
        if own != row.row_hash:
            self._tell_edited(row, own)
        if not self._follows(row, own):
            self._begin_run(row, own)
        run = self.runs[-1]
        run.last, run.last_own, run.rows = row, own, run.rows + 1
        if row.sequence in self._anchored:
            self._seen_anchors[row.sequence] = row
        self.rows, self.last, self.last_own = self.rows + 1, row, own

    def is_whole(self) -> bool:
        """Whether it is one run from where it must begin to where it must end."""
        head, end = self.expected.head, self.end
        at_head = head is None or (head.sequence == end.sequence and head.row_hash in (end.row_hash, self.last_own))
        return self._is_joined and len(self.runs) <= 1 and at_head

    def missed_anchors(self) -> Iterator[AuditBreak]:
        """Return the anchors that the log does not hold."""
        for anchor in self.expected.anchors:
            row = self._seen_anchors.get(anchor.sequence)
            published = f"row {anchor.sequence} was published with the hash {anchor.row_hash}"
            if row is None:
                yield AuditBreak.gap(
                    BreakKind.REMOVED, anchor.sequence, anchor.sequence, f"{published}; it is not there"
                )
            elif row.row_hash != anchor.row_hash:
                told = f"{published}; it has {row.row_hash}, so that it or rows before it were rewritten"
                yield AuditBreak.at(BreakKind.REWRITTEN, row, told)

    def _follows(self, row: ChainRow, own: str) -> bool:
        # An edited row may name another predecessor than it was written with: it is told as edited, and that is all.
        edited = own != row.row_hash
        if self.last is None:
            after = self.expected.after
            self._is_joined = row.sequence == after.sequence + 1 and (edited or row.previous_hash == after.row_hash)
            return False
        named = edited or row.previous_hash in (self.last.row_hash, self.last_own)
        return named and row.sequence == self.last.sequence + 1

    def _begin_run(self, row: ChainRow, own: str) -> None:
        if len(self.runs) < MOST_BREAKS:
            self.runs.append(Run(row, row, own, self.rows, 0))
        else:
            self.untold += 1

    def _tell_edited(self, row: ChainRow, own: str) -> None:
        if len(self.edited) < MOST_BREAKS:
            told = f"what it says has the hash {own}, it was written with {row.row_hash}"
            self.edited.append(AuditBreak.at(BreakKind.EDITED, row, told))
        else:
            self.untold += 1


def _explained(walk: _Walk, rows_of: RowsOf) -> list[AuditBreak]:
    head, after = walk.expected.head, walk.expected.after
    if not walk.runs:
        return [headless(None, head)] if head is not None else []
    if walk.untold:
        return tell_coarsely(walk.runs)
    named = {run.first.previous_hash for run in walk.runs} | ({head.row_hash} if head else set())
    ends = {end for run in walk.runs for end in run.ends}
    return explain(_cut(walk.runs, _located(rows_of(), named - ends)), after, head)


@dataclass(frozen=True, slots=True)
class _Place:
    """A row that something names as its predecessor, and the row that was read after it."""

    index: int
    row: ChainRow
    own: str
    behind: ChainRow


def _located(rows: Iterable[ChainRow], hashes: set[str]) -> list[_Place]:
    """Read a log again, for the rows that have these hashes."""
    found: list[_Place] = []
    if not hashes:
        return found
    before: tuple[ChainRow, str] | None = None
    for index, row in enumerate(rows):
        own = row.own_hash()
        if before is not None and hashes.intersection((before[0].row_hash, before[1])):
            found.append(_Place(index - 1, *before, row))
        before = (row, own)
    return found


def _cut(runs: Sequence[Run], places: Sequence[_Place]) -> list[Run]:
    """Cut runs behind each of these places."""
    cut: list[Run] = []
    for run in runs:
        rest = run
        for place in places:
            if rest.index <= place.index < rest.index + rest.rows - 1:
                rows = place.index - rest.index + 1
                cut.append(Run(rest.first, place.row, place.own, rest.index, rows))
                rest = Run(place.behind, rest.last, rest.last_own, place.index + 1, rest.rows - rows)
        cut.append(rest)
    return cut
