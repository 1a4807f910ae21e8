"""The PostgreSQL database that keeps a lake's catalogue: how it is reached without its password being shown.

DuckDB repeats a connection string in its errors, so the password is taken out of it and handed over apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from fulfillment_pipelines.errors import ConfigurationError, RetryableError
from fulfillment_pipelines.stores.duckdb_secret import DuckDbSecret
from fulfillment_pipelines.stores.object_store import FindSecret

PASSWORD: Final = "LAKE_CATALOG_PASSWORD"  # noqa: S105 - the name of a reference
PREFIX: Final = "postgres:"

_CONNECT_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class PostgresCatalog:
    """One database.

    Attributes:
        connection: As libpq reads it, without the password.
        password: Of its user; None where libpq finds one itself (a password file), or none is asked for.
    """

    connection: str
    password: SecretStr | None

    @classmethod
    def of(cls, catalog: str, find_secret: FindSecret) -> PostgresCatalog:
        """Read `postgres:CONNECTION`; a password within it goes before the reference `LAKE_CATALOG_PASSWORD`.

        Raises:
            ConfigurationError: It is no connection string, or a place of secrets cannot be read.
        """
        try:
            parts: dict[str, Any] = dict(conninfo_to_dict(catalog.removeprefix(PREFIX)))
        except psycopg.ProgrammingError:
            # The driver's message repeats what it could not read, password and all.
            raise ConfigurationError(
                "The address of the lake's catalogue cannot be read.",
                expected="postgres:postgresql://USER@HOST/DATABASE, or postgres:host=HOST dbname=DATABASE user=USER",
                found="something else, which is not shown",
                remedy="correct FULFILLMENT_LAKE_CATALOG",
            ) from None
        given = parts.pop("password", None)
        return cls(make_conninfo("", **parts), SecretStr(str(given)) if given else find_secret(PASSWORD))

    def duckdb_secret(self) -> DuckDbSecret | None:
        """Return what gives DuckDB the password; None where there is none."""
        if self.password is None:
            return None
        return DuckDbSecret(
            extensions=("postgres_scanner",),
            statement="create secret lake_catalog (type postgres, password $password)",
            parameters={"password": self.password.get_secret_value()},
        )

    def connect(self) -> psycopg.Connection[Any]:
        """Open a connection of its own, in autocommit.

        Raises:
            RetryableError: The server does not take it.
        """
        password = self.password.get_secret_value() if self.password else None
        try:
            return psycopg.connect(
                self.connection, password=password, connect_timeout=_CONNECT_SECONDS, autocommit=True
            )
        except psycopg.OperationalError as error:
            raise RetryableError(
                "The lake's catalogue cannot be reached.",
                expected="its PostgreSQL server to take a connection",
                found=str(error).splitlines()[0],
                remedy="start the server, or correct FULFILLMENT_LAKE_CATALOG and its password",
            ) from error
