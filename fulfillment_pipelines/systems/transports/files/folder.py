"""One folder of files, local or remote: found by its address, with every failure of its place said in our terms."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from fulfillment_pipelines.errors import (
    BadDataError,
    ConfigurationError,
    FulfillmentError,
    RetryableError,
    SystemDownError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.systems.declaration.files import FilesDeclaration
from fulfillment_pipelines.systems.declaration.locations import S3Access
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.files.fsspec_location import FsspecLocation
from fulfillment_pipelines.systems.transports.files.location import Entry, Failure, Location, LocationError, matching
from fulfillment_pipelines.systems.transports.files.object_store import ObjectStoreLocation

_Found = TypeVar("_Found")

_REFUSALS = {
    Failure.LOGIN_REFUSED: "correct the credentials the references under `transport` point to",
    Failure.NOT_TRUSTED: "ask the server's owner whether its host key was changed, and only then correct the declared "
    "one: somebody may stand between",
    Failure.NOT_ALLOWED: "have the system's owner grant the permission, or correct the address and the credentials",
    Failure.NO_SUCH_PLACE: "correct the bucket in the address, or create it",
}


class Folder:
    """The folder a system drops files into and picks files up from; found on first use, and again when it was lost.

    Paths given to its methods are relative to it, except those that it returned.
    """

    def __init__(self, declaration: FilesDeclaration, references: References) -> None:
        self._system = declaration.name
        self._transport = declaration.transport
        self._references = references
        self._opened: Location | None = None
        self._lock = threading.Lock()

    def check(self) -> None:
        """Return when the folder is there.

        Raises:
            SystemDownError: It is not, or cannot be reached.
            ConfigurationError: It can, and refuses us.
        """
        if not self._reading("the folder", lambda location: location.is_there()):
            raise SystemDownError(
                f"{self._system}: the folder its files are exchanged in is not there.",
                expected="a folder",
                found="nothing, or a file",
                remedy="mount or create it, or correct the reference `directory` points to",
            )

    def listing(self, pattern: str) -> list[Entry]:
        """Return the files that match a glob.

        Raises:
            SystemDownError: The folder cannot be read.
            ConfigurationError: It refuses us.
        """
        self.check()
        return self._reading(pattern, lambda location: list(matching(location, pattern)))

    def glob(self, pattern: str) -> list[str]:
        """Return the full paths of the files that match.

        Raises:
            SystemDownError: The folder cannot be read.
            ConfigurationError: It refuses us.
        """
        return [entry.path for entry in self.listing(pattern)]

    def states(self, pattern: str) -> dict[str, str]:
        """Return the full paths of the files that match, each with what is different once the file has changed.

        Raises:
            SystemDownError: The folder cannot be read.
            ConfigurationError: It refuses us.
        """
        return {entry.path: entry.state for entry in self.listing(pattern)}

    def look(self, path: str) -> Entry | None:
        """Return what is said now of a full path, None when nothing is there.

        Raises:
            SystemDownError: The folder cannot be read.
            ConfigurationError: It refuses us.
        """
        return self._reading(_name(path), lambda location: location.entry(path))

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, or None when it is gone: systems rotate files while they are listed.

        Args:
            path: Full path.

        Raises:
            SystemDownError: It is there and cannot be read.
            ConfigurationError: The folder refuses us.
        """
        return self._reading(_name(path), lambda location: location.read(path))

    def read_bounded(self, entry: Entry, most_bytes: int) -> bytes | None:
        """Return a listed file's bytes, or None when it is gone.

        Raises:
            BadDataError: It is larger than what is taken.
            SystemDownError: It is there and cannot be read.
            ConfigurationError: The folder refuses us.
        """
        if (entry.size_bytes or 0) > most_bytes:
            raise BadDataError(
                f"{self._system}: {entry.name} is larger than what is taken of it.",
                expected=f"at most {most_bytes} bytes",
                found=f"{entry.size_bytes} bytes",
                remedy="see whether the export is right; if it is, raise `most_mebibytes` in the system's YAML",
            )
        return self.read(entry.path)

    def exists(self, path: str) -> bool:
        """Return whether a file is there.

        Raises:
            SystemDownError: The folder cannot be read.
            ConfigurationError: It refuses us.
        """
        return self._reading(path, lambda location: location.entry(f"{location.root}/{path}")) is not None

    def drop(self, path: str, content: bytes) -> None:
        """Write a file so that a reader sees all of it or nothing.

        Raises:
            RetryableError: It was not written.
            UnknownOutcomeError: It was written and it is not known whether it is there under its name.
            ConfigurationError: The folder refuses us.
        """
        location, _ = self._open()
        name = f"{location.root}/{path}"
        half_written = f"{name}.part" if location.renames else name
        try:
            location.write(half_written, content)
        except LocationError as error:
            self._forget(location, error)
            if error.failure is Failure.DOWN and not location.renames:
                raise self._unknown_outcome(path, error) from error
            raise self._refusal(path, error) or RetryableError(
                f"{self._system}: {path} could not be written.",
                found=error.reason,
                remedy="see to the folder's permissions and free space; it is tried again",
            ) from error
        if location.renames:
            try:
                location.rename(half_written, name)
            except LocationError as error:
                self._forget(location, error)
                raise self._unknown_outcome(path, error) from error

    def close(self) -> None:
        """End the connection; a later use finds the folder again."""
        with self._lock:
            location, self._opened = self._opened, None
        if location is not None:
            location.close()

    def _reading(self, what: str, use: Callable[[Location], _Found]) -> _Found:
        """A connection that was lost meanwhile is made once more; one that was just made is not."""
        is_new = False
        while True:
            location, is_new = self._open()
            try:
                return use(location)
            except LocationError as error:
                self._forget(location, error)
                if error.failure is not Failure.DOWN or is_new:
                    raise self._refusal(what, error) or self._down(what, error) from error

    def _open(self) -> tuple[Location, bool]:
        with self._lock:
            if self._opened is not None:
                return self._opened, False
            try:
                self._opened = self._found()
            except LocationError as error:
                raise self._refusal("the folder", error) or self._down("the folder", error) from error
            except (ValueError, ImportError) as error:
                raise ConfigurationError(
                    f"{self._system}: the address of its folder cannot be used.",
                    expected="a local path, or a URL whose protocol is installed",
                    found=type(error).__name__,
                    remedy="correct the reference, or install the protocol's fsspec package",
                ) from error
            return self._opened, True

    def _found(self) -> Location:
        address = self._references.resolve(self._transport.directory, system=self._system).get_secret_value()
        seconds = self._transport.timeout_seconds
        match address.partition("://")[0].lower():
            case "sftp" | "ssh":
                return self._sftp(address, seconds)
            case "s3":
                access = self._transport.s3 or S3Access()
                return ObjectStoreLocation.of_account(
                    address, access, self._references, system=self._system, timeout_seconds=seconds
                )
            case _:
                return FsspecLocation.of_address(address, timeout_seconds=seconds)

    def _sftp(self, address: str, timeout_seconds: float) -> Location:
        if self._transport.sftp is None:
            raise ConfigurationError(
                f"{self._system}: its folder is on an SFTP server that nothing is declared of.",
                expected="`transport.sftp` with the login and the server's host key",
                remedy="declare it in the system's YAML; a server that is not known is never logged in to",
            )
        try:
            from fulfillment_pipelines.systems.transports.files.sftp import (  # noqa: PLC0415 - its library is optional
                SftpLocation,
            )
        except ImportError as error:
            raise ConfigurationError(
                f"{self._system}: its folder is on an SFTP server, and what speaks SFTP is not installed.",
                expected="the package asyncssh",
                found="none",
                remedy="pip install 'fulfillment-pipelines[sftp]'",
            ) from error
        return SftpLocation.of_login(
            address, self._transport.sftp, self._references, system=self._system, timeout_seconds=timeout_seconds
        )

    def _forget(self, location: Location, error: LocationError) -> None:
        if error.failure is Failure.DOWN:
            with self._lock:
                if self._opened is location:
                    self._opened = None
            location.close()

    def _refusal(self, what: str, error: LocationError) -> FulfillmentError | None:
        if error.failure is Failure.DOWN:
            return None
        return ConfigurationError(
            f"{self._system}: {what} is refused to us.",
            expected="the declared server, and a user who may read and write there",
            found=error.reason,
            remedy=_REFUSALS[error.failure],
        )

    def _down(self, what: str, error: LocationError) -> SystemDownError:
        return SystemDownError(
            f"{self._system}: {what} cannot be read.",
            found=error.reason,
            remedy="see whether the folder is mounted or its server runs, and is readable for this user",
        )

    def _unknown_outcome(self, path: str, error: LocationError) -> UnknownOutcomeError:
        return UnknownOutcomeError(
            f"{self._system}: {path} was written and may not have got its name.",
            found=error.reason,
            remedy="read back before anything is sent again",
        )


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]
