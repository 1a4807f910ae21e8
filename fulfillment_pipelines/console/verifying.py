"""Verifies the audit log beside everything else: begun by somebody, watched by whoever looks, one at a time.

What a verification reads, and what it finds, belongs in the ledger.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.audit_archive import missing_archives, verify_with_archives
from fulfillment_pipelines.ledger.audit_chain import BEGINNING, AuditReport
from fulfillment_pipelines.loop.platform import Platform, audit_archive_folder

_END_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Verification:
    """How far a verification has come.

    Attributes:
        by: Who began it.
        began_at: When.
        total: Rows that are to be read.
        rows: Rows that were read.
        ended_at: When it ended; None while it runs.
        report: What it found; None before it ended, or where it failed.
        missing: Archives whose file is not there.
        failure: Why it could not be done; None where it could.
    """

    by: str
    began_at: datetime
    total: int
    rows: int = 0
    ended_at: datetime | None = None
    report: AuditReport | None = None
    missing: tuple[str, ...] = ()
    failure: FulfillmentError | None = None

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self.ended_at is None


class _EndedError(Exception):
    """The console ends."""


class AuditVerifier:
    """Runs one verification at a time in a thread of its own.

    Args:
        platform: Whose ledger is verified.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._guard = threading.Lock()
        self._state: Verification | None = None
        self._thread: threading.Thread | None = None
        self._is_ending = threading.Event()

    @property
    def state(self) -> Verification | None:
        """The last verification since the console started; None for none."""
        with self._guard:
            return self._state

    def begin(self, by: str) -> None:
        """Begin one, unless one runs."""
        with self._guard:
            if self._state is not None and self._state.is_running:
                return
            with self._platform.ledger.reading() as work:
                head = audit.head_of(work) or BEGINNING
            self._state = Verification(by, self._platform.machine_clock.now(), head.sequence)
            self._thread = threading.Thread(target=self._run, name="audit verification", daemon=True)
            self._thread.start()

    def join(self) -> None:
        """Wait until what runs has ended."""
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """End what runs."""
        self._is_ending.set()
        if self._thread is not None:
            self._thread.join(_END_SECONDS)

    def _run(self) -> None:
        try:
            report, missing = self._verified(self._progress)
            self._note(rows=report.rows, report=report, missing=missing, ended_at=self._platform.machine_clock.now())
        except FulfillmentError as error:
            self._note(failure=error, ended_at=self._platform.machine_clock.now())
        except _EndedError:
            return

    def _verified(self, progress: Callable[[int], None]) -> tuple[AuditReport, tuple[str, ...]]:
        folder = audit_archive_folder(self._platform.settings, self._platform.distributor)
        with self._platform.ledger.reading() as work:
            report = verify_with_archives(work, folder, progress=progress)
            return report, tuple(archive.file_name for archive in missing_archives(work, folder))

    def _progress(self, rows: int) -> None:
        if self._is_ending.is_set():
            raise _EndedError
        self._note(rows=rows)

    def _note(self, **said: Any) -> None:
        with self._guard:
            if self._state is not None:
                self._state = replace(self._state, **said)
