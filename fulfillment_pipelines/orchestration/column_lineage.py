"""From which columns of which assets each column of a model comes, read off its SQL."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Final, TypeAlias

import dagster as dg
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage

from fulfillment_pipelines.orchestration.catalogue import Catalogue
from fulfillment_pipelines.sql_models import SqlModel

ColumnSources: TypeAlias = Mapping[str, list[tuple[str, str]]]
"""By column: the assets and columns it is made from."""

_LABELS: Final = frozenset({"system", "role", "feed_node"})
"""Columns that the union of feeds adds to each feed's own rows; no feed has them."""


class _Edition(BaseModel):
    model_config = ConfigDict(frozen=True)

    edition: str
    models: Mapping[str, ColumnSources]


class LineageBook:
    """The column lineage of every model, kept in a file: following all SQL takes longer than a micro-batch's work.

    Args:
        catalogue: What there is.
        path: The file; written anew when a model or the declared feeds have changed.
    """

    def __init__(self, catalogue: Catalogue, path: Path) -> None:
        self._catalogue = catalogue
        self._path = path

    def of(self, name: str) -> dg.TableColumnLineage:
        """Return the lineage of every column of one model."""
        return dg.TableColumnLineage(
            {
                column: [dg.TableColumnDep(asset_key=asset, column_name=source) for asset, source in sources]
                for column, sources in self._models[name].items()
            }
        )

    @cached_property
    def _models(self) -> Mapping[str, ColumnSources]:
        edition = self._edition()
        with suppress(OSError, ValidationError):  # a file that is absent or torn is written anew
            kept = _Edition.model_validate_json(self._path.read_bytes())
            if kept.edition == edition:
                return kept.models
        models = {name: column_sources(self._catalogue, model) for name, model in self._catalogue.models.items()}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(_Edition(edition=edition, models=models).model_dump_json(), encoding="utf-8")
        return models

    def _edition(self) -> str:
        versions = [f"{name}:{model.version}" for name, model in self._catalogue.models.items()]
        feeds = [f"{feed.table}:{feed.contract.name}" for feed in self._catalogue.feeds]
        return hashlib.sha256(" ".join(versions + feeds).encode()).hexdigest()


def column_sources(catalogue: Catalogue, model: SqlModel) -> ColumnSources:
    """Return from where every column of a model comes.

    A model that sqlglot cannot follow gives no lineage, because a picture may not stop the loop.
    """
    try:
        nodes: Mapping[str, Node] = lineage(None, model.body, {}, dialect="duckdb")
    except SqlglotError:
        return {}
    return {column: _sources(catalogue, node) for column, node in nodes.items()}


def _sources(catalogue: Catalogue, node: Node) -> list[tuple[str, str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for leaf in node.walk():
        if isinstance(leaf.expression, exp.Table):
            found[leaf.expression.name].add(leaf.name.rpartition(".")[2])
    return [
        (asset, column)
        for table, columns in sorted(found.items())
        for asset in sorted(catalogue.assets_behind(table))
        for column in sorted(columns - (_LABELS if asset.startswith("snap_") else frozenset()))
    ]
