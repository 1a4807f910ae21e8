"""A real file system that is small and can be filled: a tmpfs, seen by one thread and the processes it starts.

The thread has a mount namespace of its own, so that nothing is mounted for anybody else and nothing stays behind.
Mounting needs the rights of an administrator; where they are missing, `on_small_disk` says so.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_CLONE_NEWNS = 0x20000
_MS_REC_PRIVATE = 0x44000
_CHUNK_BYTES = 4096


class SmallDisk:
    """The file system.

    Attributes:
        path: Where it is mounted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Take all the space that is left."""
        with self._ballast.open("ab", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(_CHUNK_BYTES))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def free(self) -> None:
        """Give the space back."""
        self._ballast.unlink()


def on_small_disk(folder: Path, size_bytes: int, act: Callable[[SmallDisk], T]) -> T:
    """Return what a function returns that is called where a folder is a small file system of its own.

    Raises:
        PermissionError: This process may not mount anything, or this system knows no mount namespaces.
    """

    def act_there() -> T:
        _mount(folder, size_bytes)
        return act(SmallDisk(folder))

    with ThreadPoolExecutor(max_workers=1) as apart:
        return apart.submit(act_there).result()


def _mount(folder: Path, size_bytes: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare"):
        raise PermissionError(errno.EPERM, "no mount namespaces here")
    _require(libc.unshare(_CLONE_NEWNS))
    # What is mounted from now on is this thread's own.
    _require(libc.mount(None, b"/", None, ctypes.c_ulong(_MS_REC_PRIVATE), None))
    options = f"size={size_bytes},mode=0755".encode()
    _require(libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", ctypes.c_ulong(0), options))


def _require(status: int) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise PermissionError(number, os.strerror(number))
