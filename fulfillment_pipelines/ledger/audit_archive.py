"""Rows of the audit log that were moved to files, and the log as one chain over the files and the database.

An archive is a file of JSON Lines as `audit_export` writes it. It is part of the log: a verification reads it, and a
file that is gone is told as rows that were removed. When rows may be moved belongs in `corrections.retaining`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from itertools import chain, takewhile
from pathlib import Path

from sqlalchemy import delete, func, insert, select

from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.ledger.audit import AuditEntry, JsonScalar, append, head_of, read_rows, verify
from fulfillment_pipelines.ledger.audit_chain import BEGINNING, AuditReport, ChainEnd, ChainRow
from fulfillment_pipelines.ledger.audit_export import read_file, write_rows
from fulfillment_pipelines.ledger.audit_verification import Expected, verify_chain
from fulfillment_pipelines.ledger.tables import archiving_guard, audit_archive, audit_log
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Archive:
    """One row of `audit_archive`: one file of rows.

    Attributes:
        last_sequence: Number of its last row.
        last_row_hash: Hash of that row; the chain goes on from it.
        row_count: How many rows it holds.
        file_name: Its name in the folder of archives.
        file_hash: SHA-256 of the file, so that copies can be compared.
        archived_at: When.
        archived_by: By whom.
    """

    last_sequence: int
    last_row_hash: str
    row_count: int
    file_name: str
    file_hash: str
    archived_at: datetime
    archived_by: str


_COLUMNS = tuple(field.name for field in fields(Archive))


def archives(work: UnitOfWork) -> list[Archive]:
    """Return the files that rows were moved to, in the order of the rows."""
    columns = [audit_archive.c[name] for name in _COLUMNS]
    rows = work.rows(select(*columns).order_by(audit_archive.c.last_sequence))
    return [Archive(**row._mapping) for row in rows]  # noqa: SLF001 - the public name of a row's columns and values


def rows_before(work: UnitOfWork, moment: datetime) -> int:
    """Return how many rows at the beginning of the log were all recorded before a moment."""
    kept = select(func.min(audit_log.c.sequence)).where(audit_log.c.recorded_at >= moment)
    first_kept = work.rows(kept)[0][0]
    head = head_of(work) or BEGINNING
    last = head.sequence if first_kept is None else first_kept - 1
    return int(work.rows(select(func.count()).where(audit_log.c.sequence <= last))[0][0])


@contextmanager
def archiving(work: UnitOfWork) -> Iterator[None]:
    """Let rows that are else append-only be deleted within the block, by this transaction alone."""
    work.change(insert(archiving_guard), [{"guard_id": 1, "closed_by": 2}])
    yield
    work.change(delete(archiving_guard))


def archive_rows(work: UnitOfWork, count: int, folder: Path, *, actor: str, now: datetime) -> Archive | None:
    """Move the first rows of the database to a file, within the running transaction; the caller commits.

    The file is whole and on disk before a row is deleted. If the transaction is not committed, it is written again.

    Args:
        work: The transaction.
        count: How many rows.
        folder: The folder of archives.
        actor: Who does it.
        now: The moment.

    Returns:
        What was written; None for no row.

    Raises:
        RetryableError: The file cannot be written; nothing was moved.
    """
    if not count:
        return None
    work.take_turn("audit")
    first, last = _bounds(work, count)
    path = folder / f"audit-{first:012}-{last.sequence:012}.jsonl"
    rows = takewhile(lambda row: row.sequence <= last.sequence, read_rows(work))
    archive = Archive(*last, count, path.name, _write(path, rows), now, actor)
    with archiving(work):
        work.change(delete(audit_log).where(audit_log.c.sequence <= last.sequence))
    work.change(insert(audit_archive), [asdict(archive)])
    detail: Mapping[str, JsonScalar] = {
        "rows": count,
        "last_sequence": last.sequence,
        "last_row_hash": last.row_hash,
        "file_hash": archive.file_hash,
    }
    append(work, [AuditEntry(now, actor, "audit.archived", path.name, detail, "the retention policy")])
    return archive


def verify_with_archives(
    work: UnitOfWork,
    folder: Path,
    *,
    anchors: Sequence[ChainEnd] = (),
    progress: Callable[[int], None] = lambda _rows: None,
) -> AuditReport:
    """Verify the whole log: the files of rows that were moved, and the database.

    Args:
        work: A transaction; nothing is written.
        folder: The folder of archives.
        anchors: Hashes that rows had when they were published.
        progress: Told now and then how many rows were read.

    Raises:
        BadDataError: A line of a file is not a row of the audit log.
        RetryableError: The ledger does not answer.
    """
    files = [folder / archive.file_name for archive in archives(work)]
    if not files:
        return verify(work, anchors=anchors, progress=progress)

    def rows_of() -> Iterator[ChainRow]:
        archived = chain.from_iterable(read_file(path) for path in files if path.exists())
        return chain(archived, read_rows(work))

    return verify_chain(rows_of, Expected(BEGINNING, head_of(work) or BEGINNING, tuple(anchors)), progress)


def missing_archives(work: UnitOfWork, folder: Path) -> list[Archive]:
    """Return the archives whose file is not in the folder."""
    return [archive for archive in archives(work) if not (folder / archive.file_name).exists()]


def _bounds(work: UnitOfWork, count: int) -> tuple[int, ChainEnd]:
    rows = work.rows(
        select(audit_log.c.sequence, audit_log.c.row_hash).order_by(audit_log.c.sequence).offset(count - 1).limit(1)
    )
    first = work.rows(select(func.min(audit_log.c.sequence)))[0][0]
    return first, ChainEnd(rows[0].sequence, rows[0].row_hash)


def _write(path: Path, rows: Iterator[ChainRow]) -> str:
    """Write a file so that it is there whole or not at all, and return its SHA-256."""
    partial_path = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial_path.open("w", encoding="utf-8", newline="\n") as stream:
            write_rows(rows, stream)
            stream.flush()
            os.fsync(stream.fileno())
        with partial_path.open("rb") as written:
            file_hash = hashlib.file_digest(written, "sha256").hexdigest()
        partial_path.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    except OSError as error:
        raise RetryableError(
            f"The archive {path} cannot be written.",
            expected="a folder that may be written to, with room for the rows",
            found=str(error),
            remedy="make room or correct the rights of the folder, and repeat; no row was moved",
        ) from error
    return file_hash
