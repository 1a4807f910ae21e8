"""Runs a PostgreSQL server for as long as standard input stays open, then stops it and removes its directory.

Run as a program with the standard library alone: `postgres_watch.py HOME UID GID POSTGRES ARGUMENTS...`. The pipe
on standard input closes when the process that started this one closes it, ends, or is killed.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

_FAST_STOP_SECONDS = 10.0


def main(arguments: list[str]) -> int:
    """Run the server and return its exit code."""
    home, uid, gid, *command = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # only the pipe decides, so that nothing is left behind
    with (Path(home) / "server.log").open("wb") as log:
        server = subprocess.Popen(  # noqa: S603 -- the command comes from twin.postgres
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home,
            user=None if uid == "-" else int(uid),
            group=None if gid == "-" else int(gid),
            extra_groups=None if uid == "-" else [],
        )
        closed = threading.Event()
        threading.Thread(target=_stop_when_input_closes, args=(server, closed), daemon=True).start()
        code = server.wait()
    if closed.is_set():  # a server that ended by itself leaves its log to whoever started it
        shutil.rmtree(home, ignore_errors=True)
    return code


def _stop_when_input_closes(server: subprocess.Popen[bytes], closed: threading.Event) -> None:
    sys.stdin.buffer.read()
    closed.set()
    server.send_signal(signal.SIGINT)  # fast shutdown: open transactions are rolled back
    try:
        server.wait(_FAST_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
