"""What differs between databases: how a connection is opened, limited, and kept from writing.

PostgreSQL, SQLite and MariaDB are tried on real servers. SQL Server and Oracle follow their manuals and the
statements that SQLAlchemy makes for them; no server of theirs was at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection, Engine, event

from fulfillment_pipelines.systems.transports.sql.silence import gives_up_silence

WRITES: Final = "fulfillment_writes"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of database is treated.

    Attributes:
        connect_arguments: What the driver is told, given the time limit in seconds.
        isolation_level: In which a read sees one state of the database throughout; empty for the driver's own.
        options: Further execution options of a read.
        extra: The extra of this package that installs the driver; empty where it always is.
        prepare: What is done once with a new engine.
    """

    connect_arguments: Callable[[float], dict[str, Any]]
    isolation_level: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    extra: str = ""
    prepare: Callable[[Engine], None] | None = None

    def for_reading(self, connection: Connection) -> Connection:
        """Return the connection, set to see one state of the database and, where it can be told, never to write."""
        options = dict(self.options)
        if self.isolation_level:
            options["isolation_level"] = self.isolation_level
        return connection.execution_options(**options)


def dialect_named(name: str) -> Dialect:
    """Return how a database is treated, by SQLAlchemy's name of it."""
    return _DIALECTS.get(name, _OTHER)


def begins_by_statement(engine: Engine) -> None:
    """Let SQLite's transactions begin when they are asked for: Python's sqlite3 otherwise reads outside of any."""

    @event.listens_for(engine, "connect")
    def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("begin immediate" if writes else "begin")


def _reads_only_in_oracle(engine: Engine) -> None:
    """Let a read of Oracle see one state of the database: a transaction that only reads does."""

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if not connection.get_execution_options().get(WRITES, False):
            connection.exec_driver_sql("set transaction read only")


def _postgresql(seconds: float) -> dict[str, Any]:
    options = f"-c statement_timeout={int(seconds * 1000)} -c timezone=UTC"
    return {"connect_timeout": max(1, round(seconds)), "options": options}


def _mysql(seconds: float) -> dict[str, Any]:
    return {
        "connect_timeout": max(1, round(seconds)),
        "read_timeout": max(1, round(seconds)),
        "write_timeout": max(1, round(seconds)),
        "init_command": "set time_zone = '+00:00'",
    }


_MYSQL: Final = Dialect(_mysql, isolation_level="REPEATABLE READ", extra="mysql")
_OTHER: Final = Dialect(lambda _: {}, isolation_level="REPEATABLE READ")
_DIALECTS: Final = MappingProxyType(
    {
        "sqlite": Dialect(
            lambda seconds: {"timeout": seconds},
            options={WRITES: False},
            prepare=begins_by_statement,
        ),
        "postgresql": Dialect(
            _postgresql,
            isolation_level="REPEATABLE READ",
            options={"postgresql_readonly": True},
            prepare=gives_up_silence,
        ),
        "mysql": _MYSQL,
        "mariadb": _MYSQL,
        # Any other level but READ UNCOMMITTED takes locks that the system's own users would wait for.
        "mssql": Dialect(
            lambda seconds: {"timeout": max(1, round(seconds))}, isolation_level="SNAPSHOT", extra="mssql"
        ),
        "oracle": Dialect(
            lambda seconds: {"tcp_connect_timeout": seconds}, extra="oracle", prepare=_reads_only_in_oracle
        ),
    }
)
