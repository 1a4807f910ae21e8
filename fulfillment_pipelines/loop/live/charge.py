"""Who is in charge: one live loop a deployment, known to all others by a lock and by its heartbeat.

The lock ends with its process, however that ends. The heartbeat tells a loop that works from one that hangs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.loop.live.status import read_status

HEARTBEAT: Final = timedelta(seconds=60)
"""A loop that has not shown itself for so long is not counted on."""

_LOCK_FILE: Final = "live_loop.lock"
_TAKE_SECONDS: Final = 3.0


@contextmanager
def in_charge(folder: Path) -> Iterator[None]:
    """Be the live loop of a deployment within the block.

    Args:
        folder: The deployment's runtime folder.

    Raises:
        RejectedError: Another process is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK_FILE)
    try:
        # Who asks whether somebody is in charge holds the lock for a moment, too.
        lock.acquire(timeout=_TAKE_SECONDS)
    except Timeout as error:
        raise RejectedError(
            "Another live loop is in charge of this deployment.",
            expected="one loop for each runtime folder",
            found=f"a process that holds {_LOCK_FILE}",
            remedy="`fulfillment live status` shows it; stop it first",
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_in_charge(folder: Path, now: datetime) -> bool:
    """Return whether a live loop works for a deployment: it holds the lock, and has shown itself of late.

    Args:
        folder: The deployment's runtime folder.
        now: The moment, by the machine's clock.
    """
    if not (folder / _LOCK_FILE).exists():
        return False
    lock = FileLock(folder / _LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        status = read_status(folder)
        return status is None or now - status.beat_at < HEARTBEAT
    lock.release()
    return False
