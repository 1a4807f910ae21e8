"""What any place of files can do, whatever its protocol, and in how many ways it can fail.

One module per protocol stands beside this one. What a failure means for a pull or a message is decided in `folder.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from fnmatch import fnmatchcase
from typing import Protocol

_WILDCARDS = frozenset("*?[")


class Failure(Enum):
    """Why a place could not be used.

    Attributes:
        DOWN: It did not answer, or broke off: the same may succeed later.
        LOGIN_REFUSED: It answers and does not take the credentials.
        NOT_TRUSTED: It does not prove to be the declared server.
        NOT_ALLOWED: It knows us and does not let us.
        NO_SUCH_PLACE: It answers and has no such bucket.
    """

    DOWN = auto()
    LOGIN_REFUSED = auto()
    NOT_TRUSTED = auto()
    NOT_ALLOWED = auto()
    NO_SUCH_PLACE = auto()


class LocationError(Exception):
    """A place could not be used; `reason` holds neither a path nor a secret."""

    def __init__(self, failure: Failure, reason: str) -> None:
        super().__init__(reason)
        self.failure = failure
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or folder, as its place lists it.

    Attributes:
        path: Its full path at the place.
        is_directory: Whether it holds others.
        size_bytes: None where the place does not say.
        modified_at: In UTC; None where the place does not say.
        version: What the place says of its content, for example an ETag.
    """

    path: str
    is_directory: bool
    size_bytes: int | None = None
    modified_at: datetime | None = None
    version: str = ""

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rstrip("/").rsplit("/", 1)[-1]

    @property
    def state(self) -> str:
        """What is different once the file has changed."""
        written = "" if self.modified_at is None else self.modified_at.isoformat()
        return f"{self.size_bytes}/{written}/{self.version}"


class Location(Protocol):
    """A place of files. All paths are full paths; every method may raise `LocationError`."""

    @property
    def root(self) -> str:
        """The folder that all declared paths are below, without a slash at its end."""
        ...

    @property
    def renames(self) -> bool:
        """Whether a file is written under one name and then given another; else it appears whole at once."""
        ...

    def is_there(self) -> bool:
        """Return whether the root can be listed."""
        ...

    def entries(self, directory: str) -> Sequence[Entry]:
        """Return what a folder holds; one that is not there holds nothing."""
        ...

    def entry(self, path: str) -> Entry | None:
        """Return what is said of a path, None when nothing is there."""
        ...

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, None when it is gone."""
        ...

    def write(self, path: str, content: bytes) -> None:
        """Write a file, in place of one of that name."""
        ...

    def rename(self, path: str, name: str) -> None:
        """Give a file its full path."""
        ...

    def close(self) -> None:
        """End the connection, where there is one."""
        ...


def matching(location: Location, pattern: str) -> Iterator[Entry]:
    """Yield the files below a place's root that match a glob.

    The libraries' own globs pass over folders that they may not read or that break off; here that is an error.

    Args:
        location: The place.
        pattern: Parts between slashes; `*`, `?` and `[…]` within one part, `**` for any number of folders.

    Raises:
        LocationError: A folder could not be listed.
    """
    yield from _below(location, location.root, [part for part in pattern.split("/") if part])


def _below(location: Location, directory: str, parts: Sequence[str]) -> Iterator[Entry]:
    part, rest = parts[0], parts[1:]
    if not _WILDCARDS & set(part):
        if rest:
            yield from _below(location, f"{directory}/{part}", rest)
        elif (entry := location.entry(f"{directory}/{part}")) is not None and not entry.is_directory:
            yield entry
        return
    if part == "**" and rest:
        yield from _below(location, directory, rest)
    for entry in location.entries(directory):
        if entry.is_directory:
            if part == "**":
                yield from _below(location, entry.path.rstrip("/"), parts)
            elif rest and fnmatchcase(entry.name, part):
                yield from _below(location, entry.path.rstrip("/"), rest)
        elif not rest and fnmatchcase(entry.name, part):
            yield entry
