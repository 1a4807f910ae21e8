"""How a feed has drifted from the shape agreed on: fields added, gone, renamed, retyped or emptied; new codes.

Drift is told and never taken for agreed. What becomes of the rows is decided by the contract as before: a declared
field that is gone lets nothing in, a value that does not fit is quarantined, a new field stays in the landed page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from fulfillment_pipelines.snapshots.shapes import TEXT, FeedShape, FieldShape
from fulfillment_pipelines.systems.transports.drift import LIKE_NAME_PERCENT, name_likeness_percent

_SOMEWHAT_LIKE_NAME_PERCENT: Final = 45
_MANY_VALUES_PERCENT: Final = 50
_NEARLY_ALL_VALUES_PERCENT: Final = 80
_NEARLY_ALWAYS_PERCENT: Final = 95
_ROWS_THAT_TELL: Final = 20


class DriftKind(StrEnum):
    """What has become of a field."""

    ADDED = "added"
    REMOVED = "removed"
    RENAMED = "renamed"
    RETYPED = "retyped"
    EMPTIED = "emptied"
    NEW_CODE = "new code"


class Difference(BaseModel):
    """One way in which an answer is not what was agreed on.

    Attributes:
        kind: What has become of the field.
        field: The field, under the name agreed on; a new one under its own.
        agreed: What was agreed on: its class, its name or its codes; empty for a new field.
        found: What came instead; empty for a field that is gone.
        note: What speaks for it, where it is a guess.
        matters: Whether something that is read has changed. A field that no declaration names is kept in the landed
            page and goes no further, so that nothing comes of its coming and going.
    """

    model_config = ConfigDict(frozen=True)

    kind: DriftKind
    field: str
    agreed: str
    found: str
    note: str = ""
    matters: bool = True


def differences(
    agreed: FeedShape,
    found: FeedShape,
    *,
    optional: Collection[str] = (),
    codes: Mapping[str, Collection[str]] | None = None,
) -> tuple[Difference, ...]:
    """Return how an answer differs from the shape agreed on, by field.

    Args:
        agreed: The shape agreed on.
        found: The shape of the answer; one of no rows differs in nothing.
        optional: Declared fields that may come or stay away; they can only be renamed.
        codes: Codes that are declared, by field; they are agreed on whether they were seen or not.
    """
    if not found.rows:
        return ()
    before = {field.name: field for field in agreed.fields}
    now = {field.name: field for field in found.fields}
    gone = {name: field for name, field in before.items() if name not in now}
    fresh = {name: field for name, field in now.items() if name not in before}
    structural = _structural(gone, fresh)
    told = [
        *(one for one in structural if one.kind is DriftKind.RENAMED or one.field not in optional),
        *_retyped(before, now),
        *(one for one in _emptied(before, now, rows=found.rows) if one.field not in optional),
        *_new_codes(before, now, codes or {}),
    ]
    return tuple(sorted(told, key=lambda difference: (difference.field, difference.kind)))


def _structural(gone: Mapping[str, FieldShape], fresh: Mapping[str, FieldShape]) -> Iterator[Difference]:
    renamed = _renamed(gone, fresh)
    for name, (successor, note) in renamed.items():
        yield Difference(
            kind=DriftKind.RENAMED,
            field=name,
            agreed=name,
            found=successor,
            note=note,
            matters=gone[name].is_declared,
        )
    for name, field in gone.items():
        if name not in renamed:
            agreed = field.value_class or "no values"
            yield Difference(kind=DriftKind.REMOVED, field=name, agreed=agreed, found="", matters=field.is_declared)
    taken = {successor for successor, _ in renamed.values()}
    for name, field in fresh.items():
        if name not in taken:
            found = field.value_class or "values not looked at"
            yield Difference(kind=DriftKind.ADDED, field=name, agreed="", found=found, matters=field.is_declared)


def _renamed(gone: Mapping[str, FieldShape], fresh: Mapping[str, FieldShape]) -> dict[str, tuple[str, str]]:
    """Pair what is gone with what is new, the surest pair first; each field is in one pair at most."""
    pairs = sorted(
        (
            (name_percent + value_percent, name, successor, name_percent, value_percent)
            for name, before in gone.items()
            for successor, now in fresh.items()
            for name_percent in [name_likeness_percent(name, successor)]
            for value_percent in [_shared_percent(before, now)]
            if _speaks_for_a_rename(name_percent, value_percent, may_compare=bool(before.marks and now.marks))
        ),
        reverse=True,
    )
    found: dict[str, tuple[str, str]] = {}
    for _, name, successor, name_percent, value_percent in pairs:
        if name not in found and successor not in {taken for taken, _ in found.values()}:
            found[name] = (successor, f"name {name_percent} % alike, {value_percent} % of the values the same")
    return found


def _speaks_for_a_rename(name_percent: int, value_percent: int, *, may_compare: bool) -> bool:
    """Values decide where there are some, since many names are alike; without them only a very like name will do."""
    if not may_compare:
        return name_percent >= LIKE_NAME_PERCENT
    if value_percent >= _NEARLY_ALL_VALUES_PERCENT:
        return True
    return value_percent >= _MANY_VALUES_PERCENT and name_percent >= _SOMEWHAT_LIKE_NAME_PERCENT


def _shared_percent(one: FieldShape, other: FieldShape) -> int:
    """Return the share of common marks among the smallest of both: an estimate of how many values are the same."""
    size = min(len(one.marks), len(other.marks))
    smallest = sorted({*one.marks, *other.marks})[:size]
    shared = sum(mark in one.marks and mark in other.marks for mark in smallest)
    return round(100 * shared / size) if size else 0


def _retyped(before: Mapping[str, FieldShape], now: Mapping[str, FieldShape]) -> Iterator[Difference]:
    """Text may hold anything, and a field without values says nothing; every other class was agreed on."""
    for name in before.keys() & now.keys():
        agreed, found = before[name].value_class, now[name].value_class
        if agreed not in {"", TEXT} and found not in {"", agreed}:
            yield Difference(
                kind=DriftKind.RETYPED, field=name, agreed=agreed, found=found, matters=now[name].is_declared
            )


def _emptied(before: Mapping[str, FieldShape], now: Mapping[str, FieldShape], *, rows: int) -> Iterator[Difference]:
    """Yield fields that nearly always had a value and have none any more, where there are rows enough to tell."""
    if rows < _ROWS_THAT_TELL:
        return
    for name in before.keys() & now.keys():
        filled_percent = 100 - before[name].null_percent
        if filled_percent >= _NEARLY_ALWAYS_PERCENT and now[name].null_percent == 100:  # noqa: PLR2004 - all of them
            agreed = f"a value in {filled_percent} % of the rows"
            yield Difference(
                kind=DriftKind.EMPTIED, field=name, agreed=agreed, found="no values", matters=now[name].is_declared
            )


def _new_codes(
    before: Mapping[str, FieldShape], now: Mapping[str, FieldShape], codes: Mapping[str, Collection[str]]
) -> Iterator[Difference]:
    for name in codes.keys() & now.keys():
        known = {*codes[name], *(before[name].codes if name in before else ())}
        unknown = [code for code in now[name].codes if code not in known]
        if unknown:
            yield Difference(
                kind=DriftKind.NEW_CODE, field=name, agreed=", ".join(sorted(known)), found=", ".join(unknown)
            )
