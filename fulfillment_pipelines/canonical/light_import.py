"""Imports a library without what it brings along and nobody here uses.

How Python's own import is led belongs here. Which library is imported so, and without what, belongs to its caller.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType


@contextmanager
def importing_without(*, absent: frozenset[str], unread: frozenset[str]) -> Iterator[None]:
    """Let what this thread imports meanwhile find some packages absent, and read others only when they are used.

    What is loaded already stays as it is, and other threads import as ever.

    Args:
        absent: Packages that the library does without where they are not installed.
        unread: Packages that it cannot do without, which are read at the first use of anything in them.
    """
    finder = _LightFinder(absent, unread)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _LightFinder(MetaPathFinder):
    """Answers before the ordinary finders do, in the thread that has made it."""

    def __init__(self, absent: frozenset[str], unread: frozenset[str]) -> None:
        self._absent = absent
        self._unread = unread
        self._thread = threading.get_ident()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if threading.get_ident() != self._thread:
            return None
        if fullname.partition(".")[0] in self._absent:
            raise ModuleNotFoundError(f"{fullname} is left out of this import", name=fullname)
        if fullname not in self._unread:
            return None
        found = PathFinder.find_spec(fullname, path, target)
        if found is not None and found.loader is not None:
            found.loader = LazyLoader(found.loader)
        return found
