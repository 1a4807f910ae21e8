"""Read a broken chain: from the runs that are left of it, say which rows were inserted, moved, removed or rewritten.

How a log is cut into runs belongs in `audit_verification`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from fulfillment_pipelines.ledger.audit_chain import AuditBreak, BreakKind, ChainEnd, ChainRow


@dataclass(slots=True)
class Run:
    """Rows that follow each other in number and in hash.

    Attributes:
        first: The first of them.
        last: The last of them.
        last_own: The hash of what the last says now; another than its `row_hash` where that was edited.
        index: How many rows were read before the first.
        rows: How many they are.
    """

    first: ChainRow
    last: ChainRow
    last_own: str
    index: int
    rows: int

    @property
    def ends(self) -> tuple[str, str]:
        """What the row that follows may name as the hash before it."""
        return self.last.row_hash, self.last_own


@dataclass(frozen=True, slots=True)
class _Step:
    """A run on the way from the first row to the head, and whether it names the run before it."""

    run: Run
    joined: bool


def explain(runs: Sequence[Run], after: ChainEnd, head: ChainEnd | None) -> list[AuditBreak]:
    """Return what was done, in no order. Runs are cut wherever another run, or the head, names a row within.

    Args:
        runs: In the order in which they were read.
        after: What comes before the first row.
        head: Where the log must end; None where that is not known.
    """
    tail = _tail(runs, head)
    path = _path(runs, tail, after)
    on_path = {step.run.index for step in path}
    inserted = [run for run in runs if run.index not in on_path]
    found = [_inserted(run) for run in inserted]
    found.extend(_missing(path, after, renumbered=max(0, head.sequence - tail.last.sequence) if head else 0))
    found.extend(_misplaced(path, inserted, after) or _out_of_order(path, after))
    if head is not None and head.row_hash not in tail.ends:
        found.append(headless(tail.last, head))
    return found or [_wrong_head(tail.last, head)]


def tell_coarsely(runs: Sequence[Run]) -> list[AuditBreak]:
    """Return where the log is broken, where it is broken in too many places to say more."""
    return [
        _gap(before.last, after.first)
        if after.first.sequence > before.last.sequence + 1
        else AuditBreak.at(BreakKind.MISPLACED, after.first, "it does not follow from the row before it")
        for before, after in pairwise(runs)
    ]


def headless(last: ChainRow | None, head: ChainEnd) -> AuditBreak:
    """Return the break of a log whose head is not in it.

    Args:
        last: The row it ends at; None for a log without rows.
        head: Where it should end.
    """
    reached = last.sequence if last else 0
    if last is not None and head.sequence == 0:
        return AuditBreak.at(BreakKind.TRUNCATED, last, "the log says nowhere that it ends here: its head is gone")
    if last is None or head.sequence > reached:
        lost = f"the head says row {head.sequence} ({head.row_hash}), the log ends at row {reached}"
        return AuditBreak.gap(BreakKind.TRUNCATED, reached + 1, head.sequence, lost)
    other = f"the head says row {head.sequence} ({head.row_hash}), the log ends with {last.row_hash}"
    return AuditBreak.at(BreakKind.REWRITTEN, last, other)


def _wrong_head(last: ChainRow, head: ChainEnd | None) -> AuditBreak:
    number = head.sequence if head else 0
    return AuditBreak.at(
        BreakKind.TRUNCATED, last, f"the head gives the last row the number {number}, it has {last.sequence}"
    )


def _tail(runs: Sequence[Run], head: ChainEnd | None) -> Run:
    """Return the run that ends the log: the one the head names, or the last that no run follows."""
    if head is not None:
        at_head = next((run for run in reversed(runs) if head.row_hash in run.ends), None)
        if at_head is not None:
            return at_head
    named = {run.first.previous_hash for run in runs}
    return next((run for run in reversed(runs) if named.isdisjoint(run.ends)), runs[-1])


def _path(runs: Sequence[Run], tail: Run, after: ChainEnd) -> list[_Step]:
    """Follow the hashes from the tail to the first row; where they lead nowhere, go on with what was read before."""
    left = {run.index: run for run in runs}
    ending_with: dict[str, list[Run]] = {}
    for run in runs:
        for end in run.ends:
            ending_with.setdefault(end, []).append(run)
    steps: list[_Step] = []
    current: Run | None = tail
    while current is not None:
        del left[current.index]
        wanted = current.first.previous_hash
        named = _nearest(current, (run for run in ending_with.get(wanted, ()) if run.index in left))
        is_first = named is None and wanted == after.row_hash
        steps.append(_Step(current, joined=is_first or named is not None))
        here = current.index
        earlier = None if is_first else max((index for index in left if index < here), default=None)
        current = named or (None if earlier is None else left[earlier])
    return steps[::-1]


def _nearest(run: Run, candidates: Iterable[Run]) -> Run | None:
    """Return the one that was read just before a run, or any; where a row was copied, two have its hash."""
    found = list(candidates)
    return next((other for other in found if other.index + other.rows == run.index), found[0] if found else None)


def _inserted(run: Run) -> AuditBreak:
    return AuditBreak.at(
        BreakKind.INSERTED, run.first, "the chain does not lead over it to the head", through=run.last.sequence
    )


def _missing(path: Sequence[_Step], after: ChainEnd, *, renumbered: int) -> Iterator[AuditBreak]:
    """Return what is wrong where a run names a row that is not there."""
    for place, step in enumerate(path):
        if step.joined:
            continue
        before, first = (path[place - 1].run.last if place else None), step.run.first
        reached = before.sequence if before else after.sequence
        # A single row that neither follows nor is followed is itself the one that was rewritten.
        alone = step.run.rows == 1 and place + 1 < len(path) and not path[place + 1].joined
        if first.sequence > reached + 1:
            yield _gap(before, first, reached)
        elif renumbered:
            gone = f"{renumbered} row(s) are gone before it, and the rest was numbered anew"
            yield AuditBreak.gap(BreakKind.REMOVED, first.sequence, first.sequence + renumbered - 1, gone)
        elif not alone:
            unknown = f"row {first.sequence} follows {first.previous_hash}, which no row has"
            yield AuditBreak.at(BreakKind.REWRITTEN, before or first, unknown)


def _misplaced(path: Sequence[_Step], inserted: Sequence[Run], after: ChainEnd) -> list[AuditBreak]:
    """Return the runs that have another number than the hashes give them."""
    found: list[AuditBreak] = []
    position = after.sequence + 1
    for step in path:
        run = step.run
        shift = sum(other.rows for other in inserted if other.index < run.index)
        if not step.joined:
            position = run.first.sequence - shift
        if run.first.sequence not in (position, position + shift):
            belongs = f"by the hashes it is row {position}"
            found.append(AuditBreak.at(BreakKind.MISPLACED, run.first, belongs, through=run.last.sequence))
        position += run.rows
    return found


def _out_of_order(path: Sequence[_Step], after: ChainEnd) -> Iterator[AuditBreak]:
    """Return the runs that have their number and were read at another place, as lines of a file can be."""
    # The most rows that were read in the order of the hashes were left alone; of equals, those with the number of
    # their line. For each run: the most rows that end with it, how many of them have that number, and their runs.
    best: list[tuple[int, int, tuple[int, ...]]] = []
    for place, step in enumerate(path):
        run = step.run
        numbered = run.rows if run.first.sequence == after.sequence + run.index + 1 else 0
        behind = (best[earlier] for earlier in range(place) if path[earlier].run.index < run.index)
        rows, as_numbered, indexes = max(behind, default=(0, 0, ()))
        best.append((rows + run.rows, as_numbered + numbered, (*indexes, run.index)))
    in_order = frozenset(max(best)[2])
    for step in path:
        if step.run.index not in in_order:
            read = f"it was read as number {step.run.index + 1}"
            yield AuditBreak.at(BreakKind.MISPLACED, step.run.first, read, through=step.run.last.sequence)


def _gap(before: ChainRow | None, behind: ChainRow, reached: int | None = None) -> AuditBreak:
    last = reached if reached is not None else (before.sequence if before else 0)
    between = f"row {behind.sequence} of {behind.recorded_at} follows row {last}" + (
        f" of {before.recorded_at}" if before else ""
    )
    return AuditBreak.gap(BreakKind.REMOVED, last + 1, behind.sequence - 1, between)
