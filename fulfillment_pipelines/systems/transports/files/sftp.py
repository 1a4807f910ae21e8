"""Folders on an SFTP server whose host key is known beforehand.

This module imports asyncssh, which is optional, and is itself imported when the first SFTP folder is opened.
asyncssh is used as it is: fsspec's two SFTP packages accept any host key unless told otherwise, and one of them
copies over a shell where a server cannot rename. fsspec's event loop runs it.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

import asyncssh
from fsspec.asyn import get_loop, sync

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.declaration.locations import SftpAccess
from fulfillment_pipelines.systems.declaration.parts import Setting
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.files.location import Entry, Failure, LocationError

_PORT: Final = 22
_KEEPALIVES: Final = 3
_GONE: Final = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPNotADirectory)

_MEANINGS: Final[Sequence[tuple[tuple[type[Exception], ...], tuple[Failure, str]]]] = (
    (
        (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed),
        (Failure.NOT_TRUSTED, "the server shows a host key that is not the declared one"),
    ),
    ((asyncssh.PermissionDenied, asyncssh.IllegalUserName), (Failure.LOGIN_REFUSED, "the server refuses the login")),
    (
        (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect),
        (Failure.NOT_ALLOWED, "the server denies the permission"),
    ),
    ((TimeoutError,), (Failure.DOWN, "no answer within the time limit")),
    ((socket.gaierror,), (Failure.DOWN, "its host name has no address")),
    ((ConnectionRefusedError,), (Failure.DOWN, "the connection is refused")),
    ((OSError, asyncssh.DisconnectError), (Failure.DOWN, "the connection broke off")),
)

_Found = TypeVar("_Found")


class SftpLocation:
    """A folder of an SFTP server, over one connection.

    Args:
        connection: Logged in.
        client: Its SFTP session.
        root: The folder.
        timeout_seconds: The longest that one request may take.
    """

    renames = True

    def __init__(
        self, connection: asyncssh.SSHClientConnection, client: asyncssh.SFTPClient, root: str, timeout_seconds: float
    ) -> None:
        self._connection = connection
        self._client = client
        self._timeout_seconds = timeout_seconds
        self.root = root

    @classmethod
    def of_login(
        cls, address: str, access: SftpAccess, references: References, *, system: str, timeout_seconds: float
    ) -> SftpLocation:
        """Log in and return the folder at `sftp://[user@]host[:port]/path`.

        Raises:
            ConfigurationError: A reference is nowhere, the address is none, or a key is not readable.
            LocationError: The server is down, is not the declared one, or refuses the login.
        """
        split = urlsplit(address)
        options = _login(split, access, references, system=system, timeout_seconds=timeout_seconds)
        fingerprint = references.resolve(access.host_key or "", system=system).get_secret_value()
        host = _Host(fingerprint)

        async def connected() -> tuple[asyncssh.SSHClientConnection, asyncssh.SFTPClient]:
            connection = await asyncssh.connect(
                split.hostname or "", split.port or _PORT, client_factory=lambda: host, **options
            )
            try:
                return connection, await connection.start_sftp_client(path_errors="surrogateescape")
            except BaseException:
                connection.abort()
                raise

        try:
            connection, client = _run(connected, timeout_seconds)
        except LocationError as error:
            if error.failure is Failure.NOT_TRUSTED and host.shown:
                raise LocationError(error.failure, f"{error.reason}: {host.shown}") from error
            raise
        return cls(connection, client, unquote(split.path).rstrip("/"), timeout_seconds)

    def is_there(self) -> bool:
        """Return whether the root is a folder."""
        entry = self.entry(self.root or "/")
        return entry is not None and entry.is_directory

    def entries(self, directory: str) -> list[Entry]:
        """Return what a folder holds; one that is not there holds nothing. Links are followed."""

        async def listed() -> list[Entry]:
            found = []
            try:
                names = await self._client.readdir(directory or "/")
            except _GONE:
                return []
            for name in names:
                attributes, path = name.attrs, f"{directory}/{name.filename!s}"
                if name.filename in (".", "..") or "/" in str(name.filename):  # a server may not lead us elsewhere
                    continue
                if attributes.type == asyncssh.FILEXFER_TYPE_SYMLINK:
                    try:
                        attributes = await self._client.stat(path)
                    except _GONE:
                        continue
                found.append(_entry(path, attributes))
            return found

        return self._run(listed)

    def entry(self, path: str) -> Entry | None:
        """Return what is said of a path, None when nothing is there."""

        async def told() -> Entry | None:
            try:
                return _entry(path, await self._client.stat(path))
            except _GONE:
                return None

        return self._run(told)

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, None when it is gone."""

        async def content() -> bytes | None:
            try:
                async with self._client.open(path, "rb") as file:
                    found = await file.read()
                    return found if isinstance(found, bytes) else found.encode()
            except _GONE:
                return None

        return self._run(content)

    def write(self, path: str, content: bytes) -> None:
        """Write a file; its folder must be there."""

        async def written() -> None:
            async with self._client.open(path, "wb") as file:
                await file.write(content)

        self._run(written)

    def rename(self, path: str, name: str) -> None:
        """Give a file its full path, in one step where the server can."""

        async def renamed() -> None:
            try:
                await self._client.posix_rename(path, name)
            except asyncssh.SFTPOpUnsupported:
                await self._client.rename(path, name)

        self._run(renamed)

    def close(self) -> None:
        """End the connection without waiting for the server."""
        get_loop().call_soon_threadsafe(self._connection.abort)

    def _run(self, use: Callable[[], Awaitable[_Found]]) -> _Found:
        return _run(use, self._timeout_seconds)


class _Host(asyncssh.SSHClient):
    """Asked about a host key that is in no list of known hosts; trusts the one with the declared fingerprint.

    Args:
        fingerprint: The declared one; empty trusts none.
    """

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint.strip().rstrip("=")
        self.shown = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002 - the library's own signature
        """Return whether a key is the declared one, and keep what was shown, to be compared by a person."""
        self.shown = key.get_fingerprint("sha256").rstrip("=")
        return self.shown == self._fingerprint


def _login(
    split: SplitResult, access: SftpAccess, references: References, *, system: str, timeout_seconds: float
) -> Mapping[str, Any]:
    """Nothing is taken from the files and the agent of the user whom the product runs as."""

    def value(setting: Setting | None) -> str | None:
        return None if setting is None else references.resolve(setting, system=system).get_secret_value()

    def lines(setting: Setting | None) -> str | None:
        text = value(setting)
        return None if text is None else text.replace("\\n", "\n")

    username = value(access.username) or unquote(split.username or "")
    if not split.hostname or not username or split.password:
        raise _unusable(system, "an SFTP address", "sftp://host[:port]/path, with the login under `transport.sftp`")
    options: dict[str, Any] = {
        "username": username,
        "password": value(access.password),
        "client_keys": None,
        "known_hosts": ([], [], []),
        "config": None,
        "agent_path": None,
        "connect_timeout": timeout_seconds,
        "login_timeout": timeout_seconds,
        "keepalive_interval": timeout_seconds / _KEEPALIVES,
        "keepalive_count_max": _KEEPALIVES,
    }
    try:
        if (hosts := lines(access.known_hosts)) is not None:
            options["known_hosts"] = asyncssh.import_known_hosts(hosts)
        if (key := lines(access.private_key)) is not None:
            options["client_keys"] = [asyncssh.import_private_key(key, value(access.passphrase))]
    except ValueError as error:
        raise _unusable(
            system, "a key of its SFTP login", "known_hosts lines, and an OpenSSH or PEM private key"
        ) from error
    return options


def _unusable(system: str, what: str, expected: str) -> ConfigurationError:
    return ConfigurationError(
        f"{system}: {what} cannot be used.",
        expected=expected,
        found="something else, which is not shown since it may be secret",
        remedy="correct the references under `transport` in the system's YAML",
    )


def _run(use: Callable[[], Awaitable[_Found]], timeout_seconds: float) -> _Found:
    try:
        found: _Found = sync(get_loop(), use, timeout=timeout_seconds)
    except (asyncssh.Error, OSError) as error:
        raise _explained(error) from error
    return found


def _explained(error: Exception) -> LocationError:
    unknown = Failure.DOWN, f"the server answers {type(error).__name__}"
    return LocationError(*next((meaning for kinds, meaning in _MEANINGS if isinstance(error, kinds)), unknown))


def _entry(path: str, attributes: asyncssh.SFTPAttrs) -> Entry:
    written = attributes.mtime
    return Entry(
        path=path,
        is_directory=attributes.type == asyncssh.FILEXFER_TYPE_DIRECTORY,
        size_bytes=attributes.size,
        modified_at=None if written is None else datetime.fromtimestamp(written, UTC),
    )
