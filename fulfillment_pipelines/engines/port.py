"""What a run asks of an engine: where the rows of a model come from.

DuckDB's answer stands here, since it is the model itself; Spark belongs to `spark`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from fulfillment_pipelines.sql_models import SqlModel
from fulfillment_pipelines.warehouse import Connection


@dataclass(frozen=True, slots=True)
class Select:
    """A select that gives a model's rows on the lake's own cursor, and the values of its parameters."""

    statement: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


Selecting: TypeAlias = Callable[[SqlModel, Mapping[str, Any]], Select]
"""Given a model and the values of its parameters, returns the select that gives its rows; it holds until the next."""


class Engine(Protocol):
    """Where the selects of a run are worked out."""

    def running(self, transaction: Connection) -> AbstractContextManager[Selecting]:
        """Work, within the block, on the tables as one transaction of the lake sees them.

        Args:
            transaction: The lake's cursor within the run's transaction.
        """
        ...


class DuckDbEngine:
    """Works a model out where its rows are written: the select is the model's own text."""

    def running(self, transaction: Connection) -> AbstractContextManager[Selecting]:
        """Return what gives each model as it stands; DuckDB sees the transaction by itself."""
        del transaction
        return nullcontext(as_it_stands)


def as_it_stands(model: SqlModel, parameters: Mapping[str, Any]) -> Select:
    """Return a model's own text: how DuckDB selects."""
    return Select(model.body, parameters)
