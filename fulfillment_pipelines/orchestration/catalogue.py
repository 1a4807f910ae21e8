"""What there is to orchestrate: feeds, SQL models, rules and invariants of one distributor, and what reads what.

Plain values that every other module here derives its assets and checks from. Nothing of Dagster belongs here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from itertools import dropwhile
from typing import Final, Self

from fulfillment_pipelines.canonical.admission import CanonicalFeed
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.reconcile.rules import Rule
from fulfillment_pipelines.sql_models import SqlModel, read_models
from fulfillment_pipelines.systems.declaration import SystemDeclaration

MATCHES: Final = "rec_document_matches"

_FEED_UNION: Final = "feed_"
_DIFFERENCES: Final = "rec_differences"
_HEADER_ENTRY: Final = re.compile(r"^--\s*[a-z_]+:")


@dataclass(frozen=True)
class Catalogue:
    """Everything of one distributor that becomes an asset or a check.

    Attributes:
        declarations: Declared systems by name.
        feeds: Declared feeds; each is one `snap_*` table.
        operations: Tables in which the platform records its own work, one per file of `sql/00_operations`.
        canonical: Files of `sql/20_canonical`.
        rules: The rules that apply to the declared systems.
        matching: Files of `sql/30_reconcile/matching`: the table of matches, and the steps that fill it.
        reconciled: Ledgers, findings and verdicts: files of `sql/30_reconcile`.
        marts: Files of `sql/40_marts`.
        invariants: Files of `sql/checks`.
    """

    declarations: Mapping[str, SystemDeclaration]
    feeds: tuple[CanonicalFeed, ...]
    operations: tuple[SqlModel, ...]
    canonical: tuple[SqlModel, ...]
    rules: tuple[Rule, ...]
    matching: tuple[SqlModel, ...]
    reconciled: tuple[SqlModel, ...]
    marts: tuple[SqlModel, ...]
    invariants: tuple[SqlModel, ...]

    @classmethod
    def of(cls, platform: Platform) -> Self:
        """Read the catalogue of a platform; nothing is connected.

        Raises:
            ConfigurationError: An SQL file cannot be read.
        """
        sql = platform.settings.project_root / "sql"
        return cls(
            declarations=platform.registry.declarations,
            feeds=platform.feeds,
            operations=read_models(sql / "00_operations"),
            canonical=read_models(sql / "20_canonical"),
            rules=platform.reconciler.rules,
            matching=read_models(sql / "30_reconcile" / "matching"),
            reconciled=read_models(sql / "30_reconcile"),
            marts=read_models(sql / "40_marts"),
            invariants=read_models(sql / "checks"),
        )

    @cached_property
    def matches(self) -> SqlModel:
        """The table of matches, which stays in the lake; the steps that fill it are working tables."""
        return next(model for model in self.matching if model.name == MATCHES)

    @cached_property
    def models(self) -> Mapping[str, SqlModel]:
        """Every model that becomes an asset with upstream assets of its own, by asset name."""
        return {
            **{model.name: model for model in (*self.canonical, self.matches)},
            **{rule_asset(rule): rule.model for rule in self.rules},
            **{model.name: model for model in (*self.reconciled, *self.marts)},
        }

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """Names of the assets that the reconcile stage writes, each behind those it is made from."""
        names = (*(model.name for model in self.operations), *self.models)
        made_from = {name: sorted(self.upstream(name).intersection(names)) for name in names}
        return tuple(TopologicalSorter(made_from).static_order())

    def upstream(self, name: str) -> frozenset[str]:
        """Return the assets that an asset is made from.

        Args:
            name: A name of `tables`.
        """
        if name not in self.models:
            return frozenset(feed.table for feed in self.feeds)
        made_by = self.matching if name == MATCHES else (self.models[name],)
        found = (asset for model in made_by for table in model.tables for asset in self.assets_behind(table))
        return frozenset(found) - {name}

    def assets_behind(self, table: str) -> frozenset[str]:
        """Return the assets behind a table that a model reads; none for reference data and working tables."""
        if table.startswith(_FEED_UNION):
            return frozenset(feed.table for feed in self.feeds if _FEED_UNION + feed.contract.name == table)
        if table == _DIFFERENCES:
            return frozenset(rule_asset(rule) for rule in self.rules)
        operations = {model.name for model in self.operations}
        return frozenset({table} & {*operations, *self.models, *(feed.table for feed in self.feeds)})

    def subject_of(self, invariant: SqlModel) -> str:
        """Return the asset an invariant speaks of: the last one made of those that it reads."""
        read = [name for name in self.tables if name in invariant.tables]
        return read[-1] if read else "rec_findings"


def rule_asset(rule: Rule) -> str:
    """Return the asset name of a rule."""
    return f"rule_{rule.model.name}"


def prose(model: SqlModel) -> str:
    """Return the sentences that stand above a model's SQL, without its header entries."""
    return " ".join(_sentences(model))


def statement(model: SqlModel) -> str:
    """Return a model's SQL without the comments above it."""
    return "\n".join(dropwhile(lambda line: line.startswith("--"), model.body.strip().splitlines()))


def _sentences(model: SqlModel) -> Iterator[str]:
    for line in model.body.splitlines():
        if not line.startswith("--"):
            return
        if not _HEADER_ENTRY.match(line) and not line.startswith("--   "):
            yield line.removeprefix("--").strip()
