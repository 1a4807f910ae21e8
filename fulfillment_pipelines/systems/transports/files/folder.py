"""One folder of files, local or remote, with the errors of its library translated."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fsspec
import fsspec.core

from fulfillment_pipelines.errors import ConfigurationError, RetryableError, SystemDownError, UnknownOutcomeError
from fulfillment_pipelines.systems.declaration.files import FilesDeclaration
from fulfillment_pipelines.systems.references import References


class Folder:
    """The folder a system drops files into and picks files up from; found on first use.

    Paths given to its methods are relative to it, except those that `glob` returned.
    """

    def __init__(self, declaration: FilesDeclaration, references: References) -> None:
        self._system = declaration.name
        self._directory = declaration.transport.directory
        self._references = references
        self._opened: tuple[Any, str] | None = None
        self._lock = threading.Lock()

    def check(self) -> None:
        """Return when the folder is there.

        Raises:
            SystemDownError: It is not, or cannot be reached.
        """
        files, root = self._open()
        with self._reading("the folder"):
            if not files.isdir(root):
                raise SystemDownError(
                    f"{self._system}: the folder its files are exchanged in is not there.",
                    expected="a folder",
                    found="nothing, or a file",
                    remedy="mount or create it, or correct the reference `directory` points to",
                )

    def glob(self, pattern: str) -> list[str]:
        """Return the full paths of the files that match.

        Raises:
            SystemDownError: The folder cannot be read.
        """
        self.check()
        files, root = self._open()
        with self._reading(pattern):
            files.invalidate_cache()
            return [str(path) for path in files.glob(f"{root}/{pattern}")]

    def states(self, pattern: str) -> dict[str, str]:
        """Return the full paths of the files that match, each with what is different once the file has changed.

        Raises:
            SystemDownError: The folder cannot be read.
        """
        self.check()
        files, root = self._open()
        with self._reading(pattern):
            files.invalidate_cache()
            found = files.glob(f"{root}/{pattern}", detail=True)
        marks = ("size", "mtime", "LastModified", "ETag")
        return {str(path): "/".join(str(told.get(mark, "")) for mark in marks) for path, told in found.items()}

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, or None when it is gone: systems rotate files while they are listed.

        Raises:
            SystemDownError: It is there and cannot be read.
        """
        files, _ = self._open()
        with self._reading(path.rsplit("/", 1)[-1]):
            try:
                content: bytes = files.cat_file(path)
            except FileNotFoundError:
                return None
            return content

    def exists(self, path: str) -> bool:
        """Return whether a file is there.

        Raises:
            SystemDownError: The folder cannot be read.
        """
        files, root = self._open()
        with self._reading(path):
            files.invalidate_cache()
            return bool(files.exists(f"{root}/{path}"))

    def drop(self, path: str, content: bytes) -> None:
        """Write a file so that a reader sees all of it or nothing.

        Raises:
            RetryableError: It was not written.
            UnknownOutcomeError: It was written and it is not known whether it got its name.
        """
        files, root = self._open()
        half_written = f"{root}/{path}.part"
        try:
            with files.open(half_written, "wb") as file:
                file.write(content)
        except OSError as error:
            raise RetryableError(
                f"{self._system}: {path} could not be written.",
                found=_reason(error),
                remedy="see to the folder's permissions and free space; it is tried again",
            ) from error
        try:
            files.mv(half_written, f"{root}/{path}")
        except OSError as error:
            raise UnknownOutcomeError(
                f"{self._system}: {path} was written and may not have got its name.",
                found=_reason(error),
                remedy="read back before anything is sent again",
            ) from error

    def close(self) -> None:
        """Forget the folder; a later use finds it again."""
        with self._lock:
            self._opened = None

    def _open(self) -> tuple[Any, str]:
        with self._lock:
            if self._opened is None:
                address = self._references.resolve(self._directory, system=self._system).get_secret_value()
                try:
                    files, root = fsspec.core.url_to_fs(address)
                except (ValueError, ImportError) as error:
                    raise ConfigurationError(
                        f"{self._system}: the address of its folder cannot be used.",
                        expected="a local path, or a URL whose protocol is installed",
                        found=type(error).__name__,
                        remedy="correct the reference, or install the protocol's fsspec package",
                    ) from error
                except OSError as error:
                    raise self._down("the folder", error) from error
                self._opened = files, str(root).rstrip("/")
            return self._opened

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._down(what, error) from error

    def _down(self, what: str, error: OSError) -> SystemDownError:
        return SystemDownError(
            f"{self._system}: {what} cannot be read.",
            found=_reason(error),
            remedy="see whether the folder is mounted and readable for this user",
        )


def _reason(error: OSError) -> str:
    """Say what failed without the path, which may be a URL that holds a password."""
    return error.strerror or type(error).__name__
