"""Folders that fsspec reaches: this machine's own, and any protocol whose package is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import fsspec.asyn
import fsspec.core

from fulfillment_pipelines.systems.transports.files.location import Entry, Failure, LocationError

_MODIFIED_MARKS = ("mtime", "LastModified", "last_modified", "modified", "created")
_VERSION_MARKS = ("ETag", "etag", "ino")

_Found = TypeVar("_Found")


class FsspecLocation:
    """A folder behind one of fsspec's file systems.

    Args:
        files: The file system.
        root: The folder.
        timeout_seconds: The longest that one request may take, where the file system can be told.
    """

    renames = True

    def __init__(self, files: Any, root: str, *, timeout_seconds: float) -> None:
        self._files = files
        self.root = root
        can_be_told = isinstance(files, fsspec.asyn.AsyncFileSystem)
        self._limits = {"timeout": timeout_seconds} if can_be_told else {}

    @classmethod
    def of_address(cls, address: str, *, timeout_seconds: float) -> FsspecLocation:
        """Return the folder at a local path or URL.

        Raises:
            ValueError: The protocol is not known.
            ImportError: Its package is not installed.
            LocationError: It could not be reached.
        """
        try:
            files, root = fsspec.core.url_to_fs(address)
        except OSError as error:
            raise LocationError(Failure.DOWN, reason_of(error)) from error
        return cls(files, str(root).rstrip("/"), timeout_seconds=timeout_seconds)

    def is_there(self) -> bool:
        """Return whether the root is a folder."""
        entry = self.entry(self.root)
        return entry is not None and entry.is_directory

    def entries(self, directory: str) -> list[Entry]:
        """Return what a folder holds; one that is not there holds nothing."""

        def listed() -> list[Entry]:
            self._files.invalidate_cache()
            return [_entry(told) for told in self._files.ls(directory, detail=True, **self._limits)]

        return [entry for entry in self._found(listed) or () if entry.path.rstrip("/") != directory]

    def entry(self, path: str) -> Entry | None:
        """Return what is said of a path, None when nothing is there."""

        def told() -> Entry:
            self._files.invalidate_cache()
            return _entry(self._files.info(path, **self._limits))

        return self._found(told)

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, None when it is gone."""
        return self._found(lambda: bytes(self._files.cat_file(path, **self._limits)))

    def write(self, path: str, content: bytes) -> None:
        """Write a file; its folder must be there."""
        try:
            with self._files.open(path, "wb") as file:
                file.write(content)
        except OSError as error:
            raise self.explain(error) from error

    def rename(self, path: str, name: str) -> None:
        """Give a file its full path."""
        try:
            self._files.mv(path, name)
        except OSError as error:
            raise self.explain(error) from error

    def close(self) -> None:
        """Do nothing: fsspec keeps no connection that could be ended."""

    def explain(self, error: OSError) -> LocationError:
        """Return what an error means; a place may know its own better."""
        return LocationError(Failure.DOWN, reason_of(error))

    def _found(self, use: Callable[[], _Found]) -> _Found | None:
        """What is not there is told as nothing: for a reader that is an answer, not a failure."""
        try:
            return use()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self.explain(error) from error


def reason_of(error: OSError) -> str:
    """Say what failed without the path, which may be a URL that holds a password."""
    return error.strerror or type(error).__name__


def _entry(told: Mapping[str, Any]) -> Entry:
    size = told.get("size")
    return Entry(
        path=str(told["name"]),
        is_directory=told.get("type") == "directory",
        size_bytes=None if size is None else int(size),
        modified_at=next((_instant(told[mark]) for mark in _MODIFIED_MARKS if told.get(mark) is not None), None),
        version="/".join(str(told[mark]) for mark in _VERSION_MARKS if mark in told),
    )


def _instant(told: object) -> datetime | None:
    match told:
        case datetime():
            return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
        case int() | float():
            return datetime.fromtimestamp(told, UTC)
        case str():
            try:
                return _instant(datetime.fromisoformat(told))
            except ValueError:
                return None
    return None
