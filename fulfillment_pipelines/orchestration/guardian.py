"""Ends process groups when the process that started them is gone, however it went: `kill -9` leaves nothing behind.

Run as a program of its own. Its input names process groups, one a line, and a `-` before one that has ended. As long
as somebody holds the other end open, it does nothing; when it closes, every group named is ended. It imports little:
it lives as long as the deployment.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

_GRACE_SECONDS = 5.0
_LOOK_SECONDS = 0.05


def guard(lines: Iterable[str]) -> None:
    """Read the groups to end until the other end is closed, then end those that are left."""
    groups: dict[int, None] = {}
    for line in lines:
        number = int(line)
        if number < 0:
            groups.pop(-number, None)
        else:
            groups[number] = None
    end_groups(list(groups))


def end_groups(groups: list[int]) -> None:
    """Ask all groups to end, and kill those that have not within some seconds."""
    for group in groups:
        _signal(group, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_SECONDS
    while time.monotonic() < deadline and any(_signal(group, 0) for group in groups):
        time.sleep(_LOOK_SECONDS)
    for group in groups:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    # A number that went to a stranger's group since is not ours to signal, and must not keep the others alive.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


if __name__ == "__main__":
    # Ctrl-C reaches the whole foreground group; what it means is the supervisor's to decide.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    guard(sys.stdin)
