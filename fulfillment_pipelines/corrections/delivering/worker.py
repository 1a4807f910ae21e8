"""Who delivers: a name that tells whether its process still lives, so that a crash is noticed before a lease ends."""

from __future__ import annotations

import os
import socket
import uuid


def new_worker_name() -> str:
    """Return a name for one dispatcher: host, process, and what tells it from others in the same process."""
    return f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"


def worker_is_gone(name: str) -> bool:
    """Whether the process of a worker is known to have ended; false where that cannot be seen from here."""
    host, _, rest = name.partition("/")
    pid = rest.partition("/")[0]
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
