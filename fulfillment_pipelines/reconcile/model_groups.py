"""The SQL models of a reconciliation, in the groups in which a run comes to them.

Which group a model is in follows from its header and from what it reads. Running them belongs to `runner`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from fulfillment_pipelines.reconcile.reach import Reach, scope_of
from fulfillment_pipelines.reconcile.rules import Rule
from fulfillment_pipelines.sql_models import SqlModel, in_reading_order, read_models

FINDINGS: Final = "rec_findings"
"""The model behind which everything concludes."""


@dataclass(frozen=True)
class ModelGroups:
    """The models of one distributor's reconciliation.

    Attributes:
        leading: What ledgers or rules read and no key narrows: readings, and sums over all rows.
        scoped: Ledgers that are written for affected keys, before the rules speak.
        concluding: What is written for affected keys and rests on the findings.
        whole: What is written whole once the rules have spoken, and what is concluding, in reading order.
        marts: What analysts query.
        checks: The invariants; those of a scope are held to affected rows, those that only a full run asks are neither
            narrow nor small.
        rules: The rules that run.
    """

    leading: tuple[SqlModel, ...]
    scoped: tuple[SqlModel, ...]
    concluding: tuple[SqlModel, ...]
    whole: tuple[SqlModel, ...]
    marts: tuple[SqlModel, ...]
    checks: tuple[SqlModel, ...]
    rules: tuple[Rule, ...]

    @property
    def narrow_checks(self) -> tuple[SqlModel, ...]:
        """Checks that an incremental run holds to the affected orders."""
        return tuple(check for check in self.checks if scope_of(check))

    @property
    def small_checks(self) -> tuple[SqlModel, ...]:
        """Checks of what is small enough to be looked at whole by every run."""
        return tuple(check for check in self.checks if not scope_of(check) and "refresh" not in check.header)

    @property
    def written(self) -> tuple[SqlModel, ...]:
        """Everything with whose words derived tables are made."""
        return (*self.leading, *self.scoped, *self.whole, *self.marts, *(rule.model for rule in self.rules))

    @cached_property
    def read(self) -> frozenset[str]:
        """Every table that anything reads; all must be parsed to tell."""
        return frozenset[str]().union(*(model.tables for model in (*self.written, *self.checks)))

    def named(self, name: str) -> SqlModel:
        """Return one of those that are written whole."""
        return next(model for model in self.whole if model.name == name)

    def reach(self, spoken: frozenset[str]) -> Reach:
        """Return what a change reaches; all must be parsed to tell.

        Args:
            spoken: Canonical tables of which any feed speaks.
        """
        sums = tuple(model for model in self.leading if "adds" in model.header)
        return Reach((*sums, *self.scoped, *self.concluding), self.rules, spoken, (*self.marts, *self.checks))


def read_groups(sql: Path, rules: Sequence[Rule]) -> ModelGroups:
    """Read the models of a folder of SQL folders.

    Raises:
        ConfigurationError: A file cannot be read, or models read each other in a circle.
    """
    derived = in_reading_order(read_models(sql / "30_reconcile"))
    resting = _resting_on(FINDINGS, derived)
    scoped = tuple(model for model in derived if scope_of(model) and model.name not in resting)
    read = frozenset[str]().union(*(one.tables for one in (*scoped, *(rule.model for rule in rules))))
    unscoped = tuple(model for model in derived if not scope_of(model) and model.name not in resting)
    leading = tuple(model for model in unscoped if model.name in _read_by(read, unscoped))
    return ModelGroups(
        leading=leading,
        scoped=scoped,
        concluding=tuple(model for model in derived if scope_of(model) and model.name in resting),
        whole=tuple(model for model in derived if model not in scoped and model not in leading),
        marts=in_reading_order(read_models(sql / "40_marts")),
        checks=read_models(sql / "checks"),
        rules=tuple(rules),
    )


def _resting_on(name: str, models: Sequence[SqlModel]) -> frozenset[str]:
    """Return a model and all that read it, directly or not; the models are in their reading order."""
    found = {name}
    for model in models:
        if model.tables & found:
            found.add(model.name)
    return frozenset(found)


def _read_by(read: frozenset[str], models: Sequence[SqlModel]) -> frozenset[str]:
    """Return tables that are read, and all that the models among them read; the models are in their reading order."""
    found = set(read)
    for model in reversed(models):
        if model.name in found:
            found |= model.tables
    return frozenset(found)
