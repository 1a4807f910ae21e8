"""A chain in memory, tampered with in every way: whatever is done is found, and the row is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as _replace
from string import ascii_lowercase
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fulfillment_pipelines.ledger.audit_chain import (
    BEGINNING,
    GENESIS_HASH,
    AuditReport,
    BreakKind,
    ChainEnd,
    ChainRow,
    hash_of,
)
from fulfillment_pipelines.ledger.audit_verification import MOST_BREAKS, Expected, verify_chain

TEXTS = ("recorded_at", "actor", "action", "subject", "detail", "reason", "policy_version", "evidence_hash")
HASHES = ("previous_hash", "row_hash")


def _row(sequence: int, previous_hash: str, *, actor: str = "ada", reason: str = "") -> ChainRow:
    at = f"2026-03-02T12:{sequence // 60 % 60:02}:{sequence % 60:02}+00:00"
    said = (at, actor, "case.seen", f"EXC-{sequence}", f'{{"n":{sequence}}}', reason, "", "")
    return ChainRow(sequence, *said, previous_hash, hash_of(said, previous_hash))


def _chain(length: int) -> list[ChainRow]:
    rows: list[ChainRow] = []
    for sequence in range(1, length + 1):
        rows.append(_row(sequence, rows[-1].row_hash if rows else GENESIS_HASH, reason="why" * (sequence % 2)))
    return rows


def _end(rows: Sequence[ChainRow]) -> ChainEnd:
    return ChainEnd(rows[-1].sequence, rows[-1].row_hash)


def _verify(rows: Sequence[ChainRow], expected: Expected) -> AuditReport:
    return verify_chain(lambda: rows, expected)


def _told(report: AuditReport) -> list[tuple[BreakKind, int, int]]:
    return [(found.kind, found.sequence, found.through) for found in report.breaks]


def _numbered(rows: Sequence[ChainRow]) -> list[ChainRow]:
    return [row._replace(sequence=number) for number, row in enumerate(rows, 1)]


LENGTH = 12
WHOLE = _chain(LENGTH)
EXPECTED = Expected(head=_end(WHOLE))
PLACES = st.integers(0, LENGTH - 1)


def test_a_whole_chain_is_whole_whatever_its_length() -> None:
    for length in range(1, 9):
        rows = _chain(length)
        assert _verify(rows, Expected(head=_end(rows))) == AuditReport(length, *_end(rows))
    assert _verify([], Expected(head=BEGINNING)) == AuditReport(0, 0, GENESIS_HASH)


@given(PLACES, st.sampled_from(TEXTS + HASHES), st.text(ascii_lowercase, min_size=1))
def test_any_edit_of_any_column_of_any_row_is_told_as_an_edit_of_that_row(place: int, column: str, value: str) -> None:
    rows = list(WHOLE)
    rows[place] = rows[place]._replace(**{column: value})
    assume(rows[place] != WHOLE[place])
    assert _told(_verify(rows, EXPECTED)) == [(BreakKind.EDITED, place + 1, place + 1)]


@given(PLACES, st.integers(-3, 3 * LENGTH))
def test_a_row_that_is_given_another_number_is_told_where_it_stands_now(place: int, number: int) -> None:
    assume(number not in range(1, LENGTH + 1))
    rows = sorted([*WHOLE[:place], WHOLE[place]._replace(sequence=number), *WHOLE[place + 1 :]])
    report = _verify(rows, EXPECTED)
    assert (BreakKind.MISPLACED, number, number) in _told(report)
    assert all(found.sequence == number or found.kind is BreakKind.TRUNCATED for found in report.breaks)


@given(PLACES, st.sampled_from(TEXTS), st.text(ascii_lowercase, min_size=1))
def test_an_edit_with_a_new_hash_is_told_as_rewritten(place: int, column: str, value: str) -> None:
    edited = WHOLE[place]._replace(**{column: value})
    assume(edited != WHOLE[place])
    rows = [*WHOLE[:place], edited._replace(row_hash=edited.own_hash()), *WHOLE[place + 1 :]]
    assert _told(_verify(rows, EXPECTED)) == [(BreakKind.REWRITTEN, place + 1, place + 1)]


@given(PLACES)
def test_another_predecessor_with_a_new_hash_is_told_as_rewritten(place: int) -> None:
    edited = WHOLE[place]._replace(previous_hash="f" * 64)
    rows = [*WHOLE[:place], edited._replace(row_hash=edited.own_hash()), *WHOLE[place + 1 :]]
    assert BreakKind.REWRITTEN in {found.kind for found in _verify(rows, EXPECTED).breaks}
    assert {found.sequence for found in _verify(rows, EXPECTED).breaks} <= {place, place + 1}


@given(st.sets(PLACES, min_size=1))
def test_every_row_of_any_removed_set_is_told(places: set[int]) -> None:
    report = _verify([row for place, row in enumerate(WHOLE) if place not in places], EXPECTED)
    told = {number for found in report.breaks for number in range(found.sequence, found.through + 1)}
    assert told == {place + 1 for place in places}
    assert {found.kind for found in report.breaks} <= {BreakKind.REMOVED, BreakKind.TRUNCATED}


@given(st.integers(0, LENGTH - 2), st.integers(1, LENGTH))
def test_rows_that_are_removed_are_told_although_the_rest_was_numbered_anew(first: int, count: int) -> None:
    last = min(first + count, LENGTH - 1)
    report = _verify(_numbered([*WHOLE[:first], *WHOLE[last:]]), EXPECTED)
    assert _told(report) == [(BreakKind.REMOVED, first + 1, last)]


@given(PLACES, PLACES)
def test_any_two_rows_that_changed_places_are_told_both_and_no_other(one: int, other: int) -> None:
    assume(one != other)
    rows = list(WHOLE)
    rows[one], rows[other] = rows[other], rows[one]
    told = _told(_verify(_numbered(rows), EXPECTED))
    assert told == [(BreakKind.MISPLACED, place + 1, place + 1) for place in sorted((one, other))]


@given(st.integers(0, LENGTH), st.booleans(), st.booleans())
def test_an_inserted_row_is_told_although_its_own_hash_is_right(place: int, follows: bool, head_is_told: bool) -> None:
    previous_hash = (WHOLE[place - 1].row_hash if place else GENESIS_HASH) if follows else "e" * 64
    forged = _row(99, previous_hash, actor="eve")
    rows = _numbered([*WHOLE[:place], forged, *WHOLE[place:]])
    expected = Expected(head=ChainEnd(LENGTH + head_is_told, WHOLE[-1].row_hash))
    assert _told(_verify(rows, expected)) == [(BreakKind.INSERTED, place + 1, place + 1)]


@given(PLACES, st.integers(0, LENGTH))
def test_a_copy_of_a_row_is_told_as_inserted(copied: int, place: int) -> None:
    rows = _numbered([*WHOLE[:place], WHOLE[copied], *WHOLE[place:]])
    ((kind, first, last),) = _told(_verify(rows, EXPECTED))
    # Beside the row it copies, either may be called the copy.
    beside = {copied + 1, copied + 2} if place in (copied, copied + 1) else {place + 1}
    assert (kind, first == last) == (BreakKind.INSERTED, True)
    assert first in beside


@given(st.permutations(range(LENGTH)))
def test_any_other_order_is_found(order: list[int]) -> None:
    assume(order != sorted(order))
    rows = [WHOLE[place] for place in order]
    assert not _verify(_numbered(rows), EXPECTED).intact
    assert not _verify(rows, EXPECTED).intact


def _removed(rows: list[ChainRow], one: int, _: int) -> list[ChainRow]:
    return [*rows[:one], *rows[one + 1 :]]


def _exchanged(rows: list[ChainRow], one: int, other: int) -> list[ChainRow]:
    rows = list(rows)
    rows[one], rows[other] = rows[other], rows[one]
    return rows


def _rewritten(rows: list[ChainRow], one: int, _: int) -> list[ChainRow]:
    edited = rows[one]._replace(actor="eve")
    return [*rows[:one], edited._replace(row_hash=edited.own_hash()), *rows[one + 1 :]]


def _edited(rows: list[ChainRow], one: int, other: int) -> list[ChainRow]:
    column = (TEXTS + HASHES)[other % len(TEXTS + HASHES)]
    return [*rows[:one], rows[one]._replace(**{column: "zz"}), *rows[one + 1 :]]


def _copied(rows: list[ChainRow], one: int, other: int) -> list[ChainRow]:
    return [*rows[:one], rows[other], *rows[one:]]


TAMPERINGS = st.tuples(st.sampled_from([_removed, _exchanged, _rewritten, _edited, _copied]), PLACES, PLACES)


@given(st.lists(TAMPERINGS, min_size=1, max_size=6), st.booleans())
def test_any_mixture_of_tamperings_is_found(tamperings: list[tuple[Any, int, int]], numbered_anew: bool) -> None:
    rows = list(WHOLE)
    for tamper, one, other in tamperings:
        if rows:
            rows = tamper(rows, one % len(rows), other % len(rows))
    rows = _numbered(rows) if numbered_anew else sorted(rows)
    assume(rows != WHOLE)
    assert not _verify(rows, EXPECTED).intact


@given(st.integers(1, LENGTH))
def test_a_cut_tail_is_told_from_its_first_row_to_its_last(kept: int) -> None:
    assume(kept < LENGTH)
    assert _told(_verify(WHOLE[:kept], EXPECTED)) == [(BreakKind.TRUNCATED, kept + 1, LENGTH)]


def test_an_emptied_log_is_told_whole() -> None:
    assert _told(_verify([], EXPECTED)) == [(BreakKind.TRUNCATED, 1, LENGTH)]


def test_a_head_that_is_gone_or_gives_another_number_is_told() -> None:
    for head in (BEGINNING, ChainEnd(LENGTH + 1, WHOLE[-1].row_hash)):
        assert _told(_verify(WHOLE, Expected(head=head))) == [(BreakKind.TRUNCATED, LENGTH, LENGTH)]


@given(PLACES, PLACES)
def test_a_chain_that_was_rewritten_to_its_head_is_found_by_an_anchor(rewritten: int, published: int) -> None:
    rows = WHOLE[:rewritten]
    while len(rows) < LENGTH:
        rows = [*rows, _row(len(rows) + 1, rows[-1].row_hash if rows else GENESIS_HASH, actor="eve")]
    head = _end(rows)
    assert _verify(rows, Expected(head=head)).intact
    anchored = _verify(rows, Expected(head=head, anchors=(_end(WHOLE[: published + 1]),)))
    told = [(BreakKind.REWRITTEN, published + 1, published + 1)] if published >= rewritten else []
    assert _told(anchored) == told


def test_an_anchor_behind_the_end_of_the_log_is_told() -> None:
    rows = WHOLE[:5]
    report = _verify(rows, Expected(head=_end(rows), anchors=(_end(WHOLE),)))
    assert _told(report) == [(BreakKind.REMOVED, LENGTH, LENGTH)]


def test_a_break_says_who_did_what_to_what_and_when() -> None:
    rows = [*WHOLE[:4], WHOLE[4]._replace(reason="another"), *WHOLE[5:]]
    (found,) = _verify(rows, EXPECTED).breaks
    assert (found.recorded_at, found.actor, found.action, found.subject) == (
        "2026-03-02T12:00:05+00:00",
        "ada",
        "case.seen",
        "EXC-5",
    )


def test_the_rows_behind_a_believed_one_are_verified_from_there() -> None:
    assert _verify(WHOLE[7:], _replace(EXPECTED, after=_end(WHOLE[:7]))).intact
    assert _told(_verify(WHOLE[8:], _replace(EXPECTED, after=_end(WHOLE[:7])))) == [(BreakKind.REMOVED, 8, 8)]


def test_a_log_that_is_broken_everywhere_tells_the_first_places_and_counts_the_rest() -> None:
    rows = _chain(3 * MOST_BREAKS)
    torn = _verify(rows[::2], Expected(head=_end(rows)))
    assert (len(torn.breaks), torn.breaks[0].kind) == (MOST_BREAKS - 1, BreakKind.REMOVED)
    edited = _verify([row._replace(actor="eve") for row in rows], Expected(head=_end(rows)))
    assert (len(edited.breaks), edited.further) == (MOST_BREAKS, 2 * MOST_BREAKS)


@pytest.mark.parametrize("value", ['"', "\\", "\n", "\x00", "ü", "\u2028", "😀"])
def test_no_two_texts_have_the_same_hash(value: str) -> None:
    hashes = {
        hash_of(said, GENESIS_HASH)
        for said in (("a", value, "b"), ("a" + value, "", "b"), ("a", value + "b", ""), ("a", "", value, "b"))
    }
    assert len(hashes) == 4
