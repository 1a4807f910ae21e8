"""An exported file is verified by a stranger with SHA-256, and by this product without the database."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.audit import AuditEntry, BreakKind
from fulfillment_pipelines.ledger.audit_chain import AuditReport, ChainEnd
from fulfillment_pipelines.ledger.audit_export import ExportFilter, export, verify_file
from fulfillment_pipelines.ledger.unit_of_work import Ledger

ROWS = 12


@pytest.fixture
def chain(ledger: Ledger, noon: datetime) -> Ledger:
    """A ledger with twelve audit rows: with and without grounds, with every kind of character."""
    with ledger.unit_of_work() as work:
        audit.append(
            work,
            [
                AuditEntry(
                    noon + timedelta(hours=number, microseconds=number % 3),
                    ("ada", "Żaneta", 'O"Brien\\', "dispatch")[number % 4],
                    ("correction.approved", "correction.sent")[number % 2],
                    f"COR-{number % 5}",
                    {"n": number, "note": "tab\t, line\n, 😀 \u2028"},
                    *(("because", "p" * 64, "e" * 64) if number % 3 else ()),
                )
                for number in range(ROWS)
            ],
        )
        work.commit()
    return ledger


@pytest.fixture
def lines(chain: Ledger) -> list[str]:
    return _exported(chain).splitlines()


def _exported(ledger: Ledger, wanted: ExportFilter | None = None) -> str:
    stream = io.StringIO(newline="")
    with ledger.reading() as work:
        export(work, wanted or ExportFilter(), stream)
    return stream.getvalue()


def _file(folder: Path, lines: list[str]) -> Path:
    path = folder / "audit.jsonl"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="\n")
    return path


def _told(report: AuditReport) -> list[tuple[BreakKind, int]]:
    return [(found.kind, found.sequence) for found in report.breaks]


def test_a_stranger_recomputes_every_hash_with_nothing_but_sha256(chain: Ledger) -> None:
    previous_hash, rows = "0" * 64, 0
    for line in _exported(chain).split("\n")[:-1]:
        row = json.loads(line)
        said = [row[name] for name in ("previous_hash", "recorded_at", "actor", "action", "subject", "detail")]
        grounds = [row[name] for name in ("reason", "policy_version", "evidence_hash")]
        text = json.dumps(said + (grounds if any(grounds) else []), separators=(",", ":"), ensure_ascii=False)
        assert row["row_hash"] == hashlib.sha256(text.encode("utf-8")).hexdigest()
        assert (row["previous_hash"], row["sequence"]) == (previous_hash, rows + 1)
        previous_hash, rows = row["row_hash"], rows + 1
    with chain.reading() as work:
        assert audit.head_of(work) == (rows, previous_hash)


def test_a_whole_file_verifies_to_the_head_of_the_ledger(chain: Ledger, lines: list[str], tmp_path: Path) -> None:
    report = verify_file(_file(tmp_path, lines))
    with chain.reading() as work:
        assert report == audit.verify(work)


def test_the_format_of_an_export_never_changes(chain: Ledger) -> None:
    # On both databases; a file of today must be verified by the product of next year.
    assert hashlib.sha256(_exported(chain).encode()).hexdigest() == (
        "bb7486e936ea869ad8e1fe5fcb7ad63991e28cbc3b4c625a5680313b5c20ac0d"
    )


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (ExportFilter(subject="COR-3"), [4, 9]),
        (ExportFilter(actor="Żaneta"), [2, 6, 10]),
        (ExportFilter(action="correction.approved"), [1, 3, 5, 7, 9, 11]),
        (ExportFilter(action="correction.approved", subject="COR-1"), [7]),
    ],
)
def test_only_what_is_wanted_is_exported_and_verifies_as_an_excerpt(
    chain: Ledger, tmp_path: Path, wanted: ExportFilter, numbers: list[int]
) -> None:
    lines = _exported(chain, wanted).split("\n")[:-1]
    assert [json.loads(line)["sequence"] for line in lines] == numbers
    assert verify_file(_file(tmp_path, lines), excerpt=True).intact


def test_a_time_from_and_until_bounds_the_export(chain: Ledger, noon: datetime) -> None:
    wanted = ExportFilter(since=noon + timedelta(hours=3), until=noon + timedelta(hours=6))
    lines = _exported(chain, wanted).split("\n")[:-1]
    assert [json.loads(line)["sequence"] for line in lines] == [4, 5, 6]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=st.integers(0, ROWS - 1), other=st.integers(0, ROWS - 1))
def test_two_lines_of_a_file_that_changed_places_are_told(
    lines: list[str], tmp_path: Path, one: int, other: int
) -> None:
    assume(one != other)
    lines = list(lines)
    lines[one], lines[other] = lines[other], lines[one]
    told = _told(verify_file(_file(tmp_path, lines)))
    assert told
    assert {kind for kind, _ in told} == {BreakKind.MISPLACED}
    assert {sequence for _, sequence in told} <= {one + 1, other + 1}


def test_an_edited_line_is_told_in_a_file_and_in_an_excerpt(lines: list[str], tmp_path: Path) -> None:
    lines[4] = lines[4].replace("correction.approved", "correction.rejected")
    for excerpt in (False, True):
        assert _told(verify_file(_file(tmp_path, lines), excerpt=excerpt)) == [(BreakKind.EDITED, 5)]


def test_a_line_that_is_taken_out_is_told_but_not_of_an_excerpt(lines: list[str], tmp_path: Path) -> None:
    path = _file(tmp_path, [*lines[:4], *lines[5:]])
    assert _told(verify_file(path)) == [(BreakKind.REMOVED, 5)]
    assert verify_file(path, excerpt=True).intact


def test_a_file_that_was_cut_is_told_by_an_anchor(lines: list[str], tmp_path: Path) -> None:
    last = json.loads(lines[-1])
    path = _file(tmp_path, lines[:-2])
    assert verify_file(path).intact
    anchored = verify_file(path, anchors=[ChainEnd(last["sequence"], last["row_hash"])])
    assert _told(anchored) == [(BreakKind.REMOVED, ROWS)]


def test_a_file_that_begins_late_is_verified_from_there(lines: list[str], tmp_path: Path) -> None:
    report = verify_file(_file(tmp_path, lines[5:]))
    assert (report.intact, report.rows) == (True, ROWS - 5)


@pytest.mark.parametrize("line", ["", "no json", "[]", '{"sequence": 1}'])
def test_a_line_that_is_no_row_is_refused_by_its_number(lines: list[str], tmp_path: Path, line: str) -> None:
    with pytest.raises(BadDataError, match=r"audit\.jsonl:3: this line is not a row"):
        verify_file(_file(tmp_path, [*lines[:2], line, *lines[2:]]))


def test_a_file_that_is_not_there_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="cannot be read"):
        verify_file(tmp_path / "none.jsonl")
