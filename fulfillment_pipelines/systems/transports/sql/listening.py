"""Listen where PostgreSQL tells that something has changed (LISTEN), so that nobody need ask it again and again.

A notification says that there is news, never what; it may be lost with its connection. What has changed is read from
the tables as always, and polling finds what was missed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from fulfillment_pipelines.errors import ConfigurationError, SystemDownError
from fulfillment_pipelines.systems.declaration.sql import SqlDeclaration
from fulfillment_pipelines.systems.references import References

_LOOK_SECONDS: Final = 0.5


class ChannelListener:
    """The channel of one database.

    Args:
        declaration: Names the address and the channel.
        references: Where the address comes from.
    """

    def __init__(self, declaration: SqlDeclaration, references: References) -> None:
        self._system = declaration.name
        self._transport = declaration.transport
        self._references = references

    def listen(self, should_stop: Callable[[], bool], ring: Callable[[], None]) -> None:
        """Ring once at the beginning and at every notification, until told to stop.

        Args:
            should_stop: Asked every half second.
            ring: Told that there may be news; also at the beginning, since nothing was heard before.

        Raises:
            SystemDownError: The connection could not be opened, or was lost.
            ConfigurationError: The address is none of PostgreSQL.
        """
        import psycopg  # noqa: PLC0415 - a deployment without such a channel needs no driver
        from psycopg import sql  # noqa: PLC0415 - as above

        channel = sql.Identifier(str(self._transport.listen))
        try:
            with psycopg.connect(self._address(), autocommit=True) as connection:
                connection.execute(sql.SQL("listen {}").format(channel))
                ring()
                while not should_stop():
                    for _ in connection.notifies(timeout=_LOOK_SECONDS, stop_after=1):
                        ring()
        except psycopg.Error as error:
            raise SystemDownError(
                f"{self._system}: its database cannot be listened to.",
                expected=f"a connection that hears the channel '{self._transport.listen}'",
                found=type(error).__name__,  # its text may repeat the address
                remedy="see whether the database runs and is reachable; until then it is polled",
            ) from None

    def _address(self) -> str:
        written = self._references.resolve(self._transport.url, system=self._system).get_secret_value()
        try:
            url = make_url(written)
        except ArgumentError:
            raise self._unusable("an address that cannot be read") from None
        if url.get_backend_name() != "postgresql":
            raise self._unusable(url.get_backend_name())
        return url.set(drivername="postgresql").render_as_string(hide_password=False)

    def _unusable(self, found: str) -> ConfigurationError:
        return ConfigurationError(
            f"{self._system}: `transport.listen` works with PostgreSQL only.",
            expected="an address that begins with postgresql+psycopg://",
            found=found,
            remedy="take `listen` out of the system's YAML; it is polled then",
        )
