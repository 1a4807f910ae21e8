"""Rows that were moved to files stay part of the log."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.audit import AuditEntry, AuditReport, BreakKind
from fulfillment_pipelines.ledger.audit_archive import (
    archive_rows,
    archives,
    missing_archives,
    rows_before,
    verify_with_archives,
)
from fulfillment_pipelines.ledger.audit_chain import ChainEnd
from fulfillment_pipelines.ledger.unit_of_work import Ledger

DAY = timedelta(days=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of archives, empty."""
    path = tmp_path / "archive"
    path.mkdir()
    return path


@pytest.fixture
def chain(ledger: Ledger, noon: datetime) -> Ledger:
    """A ledger with ten audit rows, one a day."""
    with ledger.unit_of_work() as work:
        audit.append(
            work, [AuditEntry(noon + number * DAY, "ada", "case.seen", f"EXC-{number}", {}) for number in range(10)]
        )
        work.commit()
    return ledger


def _archive(ledger: Ledger, count: int, folder: Path, now: datetime) -> None:
    with ledger.unit_of_work() as work:
        archive_rows(work, count, folder, actor="ada", now=now)
        work.commit()


def _verify(ledger: Ledger, folder: Path, *anchors: ChainEnd) -> AuditReport:
    with ledger.reading() as work:
        return verify_with_archives(work, folder, anchors=anchors)


def _told(report: AuditReport) -> list[tuple[BreakKind, int, int]]:
    return [(found.kind, found.sequence, found.through) for found in report.breaks]


def test_the_chain_goes_on_over_files_and_database(chain: Ledger, folder: Path, noon: datetime) -> None:
    with chain.reading() as work:
        published = audit.head_of(work)
    assert published is not None
    _archive(chain, 4, folder, noon)
    _archive(chain, 3, folder, noon)
    report = _verify(chain, folder, published)
    assert (report.rows, report.breaks) == (12, ())
    with chain.reading() as work:
        in_database = audit.verify(work)
        assert (in_database.rows, in_database.breaks) == (5, ())
        assert audit.verify(work, since=7).intact
        assert [archive.row_count for archive in archives(work)] == [4, 3]


def test_an_archive_is_recorded_in_the_log_with_its_hash(chain: Ledger, folder: Path, noon: datetime) -> None:
    _archive(chain, 4, folder, noon)
    (file,) = folder.iterdir()
    with chain.reading() as work:
        (archive,) = archives(work)
        last = list(audit.read_rows(work))[-1]
    assert archive.file_hash == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (last.actor, last.action, last.subject) == ("ada", "audit.archived", file.name)
    assert json.loads(last.detail) == {
        "file_hash": archive.file_hash,
        "last_row_hash": archive.last_row_hash,
        "last_sequence": 4,
        "rows": 4,
    }


def test_a_log_of_which_all_is_archived_goes_on(chain: Ledger, folder: Path, noon: datetime) -> None:
    _archive(chain, 10, folder, noon)
    _archive(chain, 1, folder, noon)
    assert _verify(chain, folder).intact


def test_an_edit_in_an_archive_is_told(chain: Ledger, folder: Path, noon: datetime) -> None:
    _archive(chain, 4, folder, noon)
    (file,) = folder.iterdir()
    file.write_text(file.read_text().replace("EXC-2", "EXC-9"))
    assert _told(_verify(chain, folder)) == [(BreakKind.EDITED, 3, 3)]


def test_an_archive_that_is_gone_is_told_as_rows_that_were_removed(chain: Ledger, folder: Path, noon: datetime) -> None:
    _archive(chain, 4, folder, noon)
    _archive(chain, 3, folder, noon)
    first, second = sorted(folder.iterdir())
    kept = second.read_bytes()
    second.unlink()
    assert _told(_verify(chain, folder)) == [(BreakKind.REMOVED, 5, 7)]
    with chain.reading() as work:
        assert [archive.file_name for archive in missing_archives(work, folder)] == [second.name]
    second.write_bytes(kept)
    first.unlink()
    assert _told(_verify(chain, folder)) == [(BreakKind.REMOVED, 1, 4)]


def test_rows_are_archived_up_to_the_first_that_is_to_stay(chain: Ledger, noon: datetime) -> None:
    with chain.unit_of_work() as work:
        # A clock that was set back: an old moment behind younger rows does not go before them.
        audit.append(work, [AuditEntry(noon - DAY, "ada", "case.seen", "EXC-1", {})])
        assert [rows_before(work, noon + days * DAY) for days in (-2, 0, 3, 99)] == [0, 0, 3, 11]


def test_what_cannot_be_written_is_not_moved(chain: Ledger, folder: Path, noon: datetime) -> None:
    blocked = folder / "a file, not a folder"
    blocked.write_text("")
    with pytest.raises(RetryableError, match="cannot be written"):
        _archive(chain, 4, blocked, noon)
    assert _verify(chain, folder).rows == 10


def test_an_archive_whose_transaction_was_not_committed_is_written_again(
    chain: Ledger, folder: Path, noon: datetime
) -> None:
    with chain.unit_of_work() as work:
        archive_rows(work, 4, folder, actor="ada", now=noon)
    assert _verify(chain, folder).rows == 10
    _archive(chain, 4, folder, noon)
    report = _verify(chain, folder)
    assert (report.rows, report.intact) == (11, True)
