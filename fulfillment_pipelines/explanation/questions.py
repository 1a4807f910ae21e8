"""The questions that are asked of the lake: one SQL file each, in `sql/50_explanation`.

What the answers mean belongs to who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.sql_models import read_models
from fulfillment_pipelines.warehouse import Warehouse

Row = Mapping[str, Any]


class Questions:
    """Asks the lake; nothing is written.

    Args:
        warehouse: The lake.
        folder: `sql/50_explanation`.
    """

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self._warehouse = warehouse
        self._models = {model.name: model for model in read_models(folder)}

    def ask(self, name: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Return the rows of one question; parameters that it does not take are left out.

        Raises:
            BadDataError: The lake does not hold what the question reads.
        """
        model = self._models[name]
        taken = {key: value for key, value in (parameters or {}).items() if key in model.parameters}
        try:
            rows: list[Row] = self._warehouse.query(model.body, taken).to_pylist()
        except BadDataError as error:
            raise BadDataError(
                f"The lake cannot answer {name}.",
                expected="the tables that a run of this version makes",
                found=error.found,
                remedy="`fulfillment run` makes them",
            ) from error
        return rows
