"""The rules as people govern them: owner, severity, class, tolerances, what a rule compares and what it may propose."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.policy_texts import TextPage, read_text
from fulfillment_pipelines.console.reading.policy_values import TOLERANCES
from fulfillment_pipelines.console.refusals import NotThereError
from fulfillment_pipelines.ledger.policy_editions import policy_changes
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.reconcile.rules import Rule
from fulfillment_pipelines.reconcile.tolerances import read_tolerances


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule.

    Attributes:
        rule: As its header declares it.
        version_count: Texts that it has had.
    """

    rule: Rule
    version_count: int

    @property
    def file_name(self) -> str:
        """The file it stands in."""
        return self.rule.model.path.name

    @property
    def compared(self) -> str:
        """The roles of the systems that it compares; empty where it reads the platform's own records."""
        return ", ".join(dict.fromkeys(need.role.value for need in self.rule.feeds))


@dataclass(frozen=True, slots=True)
class UsedTolerance:
    """A tolerance that a rule reads."""

    name: str
    value: Decimal
    unit: str
    about: str


@dataclass(frozen=True, slots=True)
class RulePage:
    """One rule.

    Attributes:
        rule: As its header declares it.
        text: Its SQL and versions.
        tolerances: What it reads.
    """

    rule: Rule
    text: TextPage
    tolerances: tuple[UsedTolerance, ...]


def read_rule_rows(console: Console, work: UnitOfWork) -> tuple[RuleRow, ...]:
    """Return the rules that run, by code."""
    changes = policy_changes(work)
    return tuple(
        RuleRow(rule, len({one.content_hash for one in changes if one.file_name == rule.model.path.name}))
        for rule in console.platform.reconciler.rules
    )


def read_rule(console: Console, work: UnitOfWork, code: str) -> RulePage:
    """Return one rule.

    Raises:
        NotThereError: No rule of that code runs.
    """
    rule = next((one for one in console.platform.reconciler.rules if one.code == code.upper()), None)
    if rule is None:
        raise NotThereError(
            f"There is no rule {code}.",
            expected="the code of a rule that runs, such as FIN-01",
            found=code,
            remedy="choose one on the page /governance/rules",
        )
    known = read_tolerances(console.platform.distributor.seeds / TOLERANCES).tolerances
    return RulePage(
        rule=rule,
        text=read_text(console, work, rule.model.path.name),
        tolerances=tuple(
            UsedTolerance(name, known[name].value, known[name].unit, known[name].about) for name in rule.tolerances
        ),
    )
