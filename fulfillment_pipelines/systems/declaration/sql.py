"""A system that is read and written through its database, as declared: tables, messages, preconditions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from fulfillment_pipelines.domain.snapshot import PageFormat
from fulfillment_pipelines.systems.declaration.parts import (
    Declared,
    EntityBase,
    FixedAsOf,
    Name,
    Setting,
    SystemBase,
    TableAsOf,
    ValueSource,
    sole_key,
)

_SqlAsOf: TypeAlias = Annotated[
    Annotated[TableAsOf, Tag("table")] | Annotated[FixedAsOf, Tag("fixed")], Discriminator(sole_key)
]


class SqlTransport(Declared):
    """Where the database is, as an SQLAlchemy URL.

    Attributes:
        url: Begins with `postgresql+psycopg`, `mysql+pymysql`, `mariadb+pymysql`, `mssql+mssqlpython`,
            `oracle+oracledb` or `sqlite`.
        timeout_seconds: Longest wait for a connection, and for a statement where the database can be told.
        read: How rows are fetched: one by one through the driver, or as Arrow batches through ADBC (PostgreSQL only).
        listen: Channel on which the database tells that something has changed (LISTEN, PostgreSQL only), so that the
            live loop asks at once; what has changed, it reads as always.
    """

    kind: Literal["sql"]
    url: Setting
    timeout_seconds: float = Field(default=10, gt=0)
    read: Literal["rows", "arrow"] = "rows"
    listen: str | None = Field(default=None, pattern=r"^[a-z_][a-z0-9_]{0,62}$")


class SqlSince(Declared):
    """The column that grows with every change; its greatest value is the cursor."""

    column: str


class SqlChangeLog(Declared):
    """A logical replication slot of PostgreSQL that tells which keys have changed, deletions included.

    The slot and the publication are made by the database's owner: a slot that nobody reads keeps the server's log
    for ever, so the product never makes one by itself.

    Attributes:
        slot: Name of the slot, made with the plug-in `pgoutput`; for this entity alone.
        publication: Name of the publication that holds the entity's table.
        most_changes: Changes taken by one pull; what is left comes with the next. A transaction is never cut.
    """

    slot: str = Field(pattern=r"^[a-z0-9_]{1,63}$")
    publication: str
    most_changes: int = Field(default=10_000, gt=0)


class SqlEntity(EntityBase):
    """One table or view; `schema.table` where it is not on the search path.

    Attributes:
        table: Its name.
        format: Always Parquet: the rows as the database gave them, with its types.
        as_of: Where the database says of which moment its rows speak; without it, the moment of reading.
        since: How changes since a cursor are read; without it or `change_log` every pull is of everything, and what
            changed is found by comparing it with the rows that are known.
        change_log: Where the database tells what has changed.
    """

    table: str
    format: Literal[PageFormat.PARQUET] = PageFormat.PARQUET
    as_of: _SqlAsOf | None = None
    since: SqlSince | None = None
    change_log: SqlChangeLog | None = None

    @model_validator(mode="after")
    def _since_is_a_field(self) -> Self:
        if self.since is not None and self.change_log is not None:
            raise PydanticCustomError("since", "either `since` or `change_log`")
        if self.since is not None and self.since.column not in self.fields:
            raise PydanticCustomError("since", "`since.column` among `fields`")
        return self


class SqlPrecondition(Declared):
    """What must still stand in the database when the message is delivered.

    Attributes:
        table: Where to look.
        where: Column to the payload field or literal that finds the row.
        expect: Column to the precondition field or literal it must still hold.
        absent: Whether no such row may exist.
    """

    table: str
    where: Mapping[str, ValueSource] = Field(min_length=1)
    expect: Mapping[str, ValueSource] = Field(default_factory=dict)
    absent: bool = False

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if bool(self.expect) == self.absent:
            raise PydanticCustomError("precondition", "either `expect` or `absent: true`")
        return self


class SqlReadBack(Declared):
    """Where the effect of a message is looked for, and what it looks like; values come from the payload."""

    table: str
    where: Mapping[str, ValueSource] = Field(min_length=1)
    expect: Mapping[str, ValueSource] = Field(min_length=1)


class SqlMessage(Declared):
    """One message, delivered as a row of an interface table that the system empties itself.

    Attributes:
        insert_into: The interface table.
        key_column: Its key; takes the idempotency key, so that a second delivery has no effect.
        values: Column to where its value comes from.
        json_column: Column that takes `body` as JSON.
        body: Field of the JSON to where its value comes from.
        problem_column: Column in which the system says why it refused the message, where there is one.
        precondition: What must still stand, looked up in the transaction that delivers.
        read_back: Where the effect is looked for; without it only the interface table is looked at.
    """

    insert_into: str
    key_column: str
    values: Mapping[str, ValueSource] = Field(default_factory=dict)
    json_column: str
    body: Mapping[str, ValueSource] = Field(default_factory=dict)
    problem_column: str | None = None
    precondition: SqlPrecondition | None = None
    read_back: SqlReadBack | None = None


class SqlDeclaration(SystemBase):
    """A system that is read and written through its database."""

    transport: SqlTransport
    entities: Mapping[Name, SqlEntity] = Field(default_factory=dict)
    messages: Mapping[str, SqlMessage] = Field(default_factory=dict)
