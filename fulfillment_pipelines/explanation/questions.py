"""The questions that are asked of the lake: one SQL file each, in `sql/50_explanation`.

What the answers mean belongs to who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.sql_models import read_models
from fulfillment_pipelines.warehouse import Connection, Warehouse, query_rows

Row = Mapping[str, Any]


class Questions:
    """Asks the lake; nothing is written.

    Args:
        warehouse: The lake.
        folder: `sql/50_explanation`.
    """

    connection: Connection | None = None
    """Through which it is asked; None where any will do."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self._warehouse = warehouse
        self._models = {model.name: model for model in read_models(folder)}

    def through(self, connection: Connection) -> Self:
        """Return the same questions, asked through one connection, so that all answers are of its moment."""
        bound = copy(self)
        bound.connection = connection
        return bound

    def ask(self, name: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Return the rows of one question; parameters that it does not take are left out.

        Raises:
            BadDataError: The lake does not hold what the question reads.
        """
        model = self._models[name]
        taken = {key: value for key, value in (parameters or {}).items() if key in model.parameters}
        try:
            rows: list[Row] = self._answer(model.body, taken).to_pylist()
        except BadDataError as error:
            raise BadDataError(
                f"The lake cannot answer {name}.",
                expected="the tables that a run of this version makes",
                found=error.found,
                remedy="`fulfillment run` makes them",
            ) from error
        return rows

    def _answer(self, statement: str, parameters: Mapping[str, Any]) -> pa.Table:
        if self.connection is None:
            return self._warehouse.query(statement, parameters)
        return query_rows(self.connection, statement, parameters)
