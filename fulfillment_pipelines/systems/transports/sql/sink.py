"""Messages as rows of an interface table: delivered at most once per key, in the transaction that checks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.correction import Correction, Observed, Receipt, Scalar
from fulfillment_pipelines.errors import BadDataError, PreconditionError, RejectedError, UnknownOutcomeError
from fulfillment_pipelines.systems.declaration.sql import SqlDeclaration, SqlMessage, SqlPrecondition
from fulfillment_pipelines.systems.transports.messages import (
    declared_message,
    payload_fields,
    precondition_fields,
    shows,
)
from fulfillment_pipelines.systems.transports.sql.database import Database, columns_named, named_table, untyped


class SqlSink:
    """Delivers messages to a system's interface table and looks for their effect in its other tables."""

    def __init__(self, declaration: SqlDeclaration, database: Database, clock: Clock) -> None:
        self.system = declaration.name
        self._messages = declaration.messages
        self._database = database
        self._clock = clock

    def apply(self, correction: Correction) -> Receipt:
        """Deliver the message, unless its key has been delivered already.

        The precondition is looked up in the transaction that delivers, and only for a first delivery:
        afterwards the effect itself may have changed the value.

        Returns:
            A receipt that says QUEUED: the system empties its interface table itself.

        Raises:
            PreconditionError: The system no longer holds the value the correction was decided on.
            RejectedError: The system refused this key before, or its table refuses the row.
            RetryableError: Nothing was delivered.
            UnknownOutcomeError: The commit was sent and not answered.
            ConfigurationError: The message, the payload, a table or the credentials are wrong.
        """
        message = declared_message(self._messages, correction)
        row = self._row(correction, message)
        with self._database.writing() as connection:
            try:
                with self._database.translated():
                    self._deliver(connection, correction, message, row)
            except BadDataError as error:
                raise self._refusal(correction, error.found) from error
            self._commit(connection, correction)
        return Receipt(
            idempotency_key=correction.idempotency_key,
            observed=Observed.QUEUED,
            reference=correction.idempotency_key,
            received_at=self._clock.now(),
        )

    def read_back(self, correction: Correction) -> Observed:
        """Return whether the effect is there, else whether the message waits in the interface table.

        Raises:
            SystemDownError: The database cannot be reached.
            ConfigurationError: The message, the payload, a table or the credentials are wrong.
        """
        message = declared_message(self._messages, correction)
        with self._database.reading() as connection:
            if message.read_back is not None:
                expected = payload_fields(correction, message.read_back.expect)
                where = payload_fields(correction, message.read_back.where)
                records = _records(connection, message.read_back.table, where, expected)
                if any(shows(record, expected) for record in records):
                    return Observed.APPLIED
            delivered = self._delivered(connection, correction, message)
        return Observed.QUEUED if delivered is not None and not delivered["problem"] else Observed.ABSENT

    def _row(self, correction: Correction, message: SqlMessage) -> dict[str, Scalar]:
        body = payload_fields(correction, message.body)
        return {
            message.key_column: correction.idempotency_key,
            **payload_fields(correction, message.values),
            message.json_column: json.dumps(body, ensure_ascii=False, sort_keys=True),
        }

    def _deliver(
        self, connection: Connection, correction: Correction, message: SqlMessage, row: Mapping[str, Scalar]
    ) -> None:
        if self._is_delivered(connection, correction, message):
            return
        if message.precondition is not None:
            self._refuse_changed(connection, correction, message.precondition)
        inbox = named_table(message.insert_into, columns_named(*row))
        savepoint = connection.begin_nested()
        try:
            connection.execute(insert(inbox).values({name: untyped(value) for name, value in row.items()}))
        except (IntegrityError, DataError) as error:
            savepoint.rollback()
            # Another delivery of the same key may have won between our look and our insert.
            if not self._is_delivered(connection, correction, message):
                raise self._refusal(correction, str(error.orig).split("\n", maxsplit=1)[0]) from error
        else:
            savepoint.commit()

    def _is_delivered(self, connection: Connection, correction: Correction, message: SqlMessage) -> bool:
        delivered = self._delivered(connection, correction, message)
        if delivered is None:
            return False
        if delivered["problem"]:
            raise RejectedError(
                f"{self.system}: '{correction.message}' {correction.idempotency_key} was refused.",
                found=str(delivered["problem"]),
                remedy="decide on it by hand; the same message would be refused again",
            )
        return True

    def _delivered(
        self, connection: Connection, correction: Correction, message: SqlMessage
    ) -> Mapping[str, Any] | None:
        """Return what the interface table holds under the key: its `problem`, or None when nothing is there."""
        names = [message.key_column, *([message.problem_column] if message.problem_column else [])]
        inbox = named_table(message.insert_into, columns_named(*names))
        query = select(*inbox.c).where(inbox.c[message.key_column] == untyped(correction.idempotency_key))
        found = connection.execute(query).mappings().first()
        if found is None:
            return None
        return {"problem": found[message.problem_column] if message.problem_column else None}

    def _refuse_changed(self, connection: Connection, correction: Correction, declared: SqlPrecondition) -> None:
        expected = precondition_fields(correction, declared.expect)
        where = payload_fields(correction, declared.where)
        records = _records(connection, declared.table, where, expected or where)
        holds = not records if declared.absent else any(shows(record, expected) for record in records)
        if not holds:
            raise PreconditionError(
                f"{self.system}: '{correction.message}' {correction.idempotency_key} is out of date.",
                expected=f"no row in {declared.table}" if declared.absent else _shown(expected),
                found="; ".join(_shown(record) for record in records) or "no row",
                remedy="pull again and decide anew",
            )

    def _refusal(self, correction: Correction, found: str) -> RejectedError:
        return RejectedError(
            f"{self.system}: '{correction.message}' {correction.idempotency_key} does not fit the database.",
            found=found,
            remedy="compare the message in the system's YAML with the tables it names",
        )

    def _commit(self, connection: Connection, correction: Correction) -> None:
        try:
            connection.commit()
        except SQLAlchemyError as error:
            raise UnknownOutcomeError(
                f"{self.system}: '{correction.message}' {correction.idempotency_key} was sent "
                "and its outcome is not known.",
                expected="an answer to the commit",
                found=type(error).__name__,
                remedy="read back before anything is sent again",
            ) from error


def _records(
    connection: Connection, name: str, where: Mapping[str, Scalar], shown: Mapping[str, Scalar]
) -> list[Mapping[str, Any]]:
    """Return the shown columns of the rows that are looked for."""
    rows = named_table(name, columns_named(*dict.fromkeys((*where, *shown))))
    found: list[ColumnElement[bool]] = [
        rows.c[column].is_(None) if value is None else rows.c[column] == untyped(value)
        for column, value in where.items()
    ]
    query = select(*(rows.c[column] for column in shown)).where(*found)
    return [dict(record) for record in connection.execute(query).mappings()]


def _shown(record: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in record.items())
