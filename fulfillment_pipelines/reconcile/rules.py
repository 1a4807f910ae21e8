"""The catalogue of rules: what the header of each file under `sql/30_reconcile/rules` declares.

Running a rule belongs to `runner`; what its SQL says belongs to the file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from typing import Final, TypeVar

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.canonical.reference import FeedReference
from fulfillment_pipelines.domain.correction import CorrectionClass
from fulfillment_pipelines.domain.finding import Severity
from fulfillment_pipelines.domain.snapshot import Role
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.sql_models import SqlModel

Kind = TypeVar("Kind", bound=StrEnum)

NO_MORE: Final = "none"
"""What `steps` ends with where a rule proposes nothing more once the systems show the last step."""

_ALWAYS_JUDGED: Final = " (J)"
_CODE: Final = re.compile(r"^[A-Z]{3}-\d{2}$")


class ScopeKind(StrEnum):
    """Which changed keys make a rule look again."""

    ORDER = "order"
    STOCK = "stock"
    SHIPMENT = "shipment"
    CUSTOMER = "customer"
    FEED = "feed"


@dataclass(frozen=True, slots=True)
class FeedNeed:
    """A feed that a rule compares: who says it and what it is."""

    role: Role
    contract: str


@dataclass(frozen=True, slots=True)
class MessageRoute:
    """A correction that a rule may propose.

    Attributes:
        message: What it asks for.
        role: The role of the system it goes to.
        correction_class: The rule's class, or J where the rule never proposes it without a reason for judgement.
    """

    message: str
    role: Role
    correction_class: CorrectionClass


@dataclass(frozen=True)
class Rule:
    """One rule, as its header declares it.

    Attributes:
        code: Exception code of the domain book §2.7.
        comparisons: Feeds that must be declared together for the rule to apply; a rule that compares two unlike things
            under one code has two such groups, separated by `|` in the header.
        feeds: Every feed the rule reads, those of `also` included: they are compared where they are declared.
        confirm_snapshots: In how many successive watermarks a difference must stand.
        is_planned: Whether a condition may lie in the future, as the due time of a release does; until then it is no
            difference.
        explains: Edges of the quantity ledger whose residual this rule's findings account for.
        follows: Codes whose finding, where it shares the order line, the order, or the scope and node, is the cause of
            this rule's: its case becomes the child of theirs.
        steps: Messages of a correction that has several steps, in their order. The rule asks for a step only when the
            systems show the effect of those before; `none` at the end is a step without a message.
        lag: Pair of events of `rec_lags` whose learned lag may take the place of the rule's own grace; empty for none.
        names_case: Whether the business key is `CODE/business key` of another case, which is then this one's child.
        model: The file itself.
    """

    code: str
    name: str
    title: str
    grain: str
    scope: ScopeKind
    severity: Severity
    owner: str
    comparisons: tuple[tuple[FeedNeed, ...], ...]
    feeds: tuple[FeedNeed, ...]
    tolerances: tuple[str, ...]
    routes: tuple[MessageRoute, ...]
    correction_class: CorrectionClass
    confirm_snapshots: int
    is_planned: bool
    explains: tuple[str, ...]
    follows: tuple[str, ...]
    steps: tuple[str, ...]
    lag: str
    names_case: bool
    source: str
    model: SqlModel

    def is_applicable(self, declared: Collection[FeedReference]) -> bool:
        """Return whether all feeds of a comparison are declared: a rule without its systems says nothing."""
        return any(_are_declared(comparison, declared) for comparison in self.comparisons)

    def compared(self, declared: Collection[FeedReference]) -> tuple[FeedNeed, ...]:
        """Return the feeds that the rule's findings depend on: without those of a comparison that does not apply."""
        if len(self.comparisons) == 1:
            return self.feeds
        compared = {need for group in self.comparisons if _are_declared(group, declared) for need in group}
        of_groups = {need for group in self.comparisons for need in group}
        return tuple(need for need in self.feeds if need in compared or need not in of_groups)


def rule_from(model: SqlModel) -> Rule:
    """Read a rule from its file.

    Raises:
        ConfigurationError: The header lacks an entry or has a value that is not known.
    """
    code = model.required("rule")
    if not _CODE.match(code) or model.name != code.lower().replace("-", "_"):
        raise _wrong(model, "rule", f"a code such as FIN-01, in a file named after it (found {code})", code)
    comparisons, correction_class = _comparisons(model), _member(model, "class", CorrectionClass)
    also = tuple(_need(model, item, "also") for item in model.listed("also"))
    return Rule(
        code=code,
        name=model.required("name"),
        title=model.required("title"),
        grain=model.required("grain"),
        scope=_member(model, "scope", ScopeKind),
        severity=_member(model, "severity", Severity),
        owner=model.required("owner"),
        comparisons=comparisons,
        feeds=tuple(dict.fromkeys(need for group in (*comparisons, also) for need in group)),
        tolerances=_declared_tolerances(model),
        routes=tuple(_route(model, item, correction_class) for item in model.listed("correction")),
        correction_class=correction_class,
        confirm_snapshots=int(model.header.get("confirm", "1")),
        is_planned=model.header.get("planned") == "yes",
        explains=model.listed("explains"),
        follows=model.listed("follows"),
        steps=model.listed("steps"),
        lag=model.header.get("lag", ""),
        names_case=model.header.get("leads") == "named case",
        source=model.required("source"),
        model=model,
    )


def read_rules(models: Sequence[SqlModel]) -> tuple[Rule, ...]:
    """Read all rules, in the order of their codes.

    Raises:
        ConfigurationError: A header is wrong, or rules follow each other in a circle.
    """
    rules = tuple(sorted((rule_from(model) for model in models), key=lambda rule: rule.code))
    leaders = {rule.code for rule in rules if rule.names_case}
    try:
        TopologicalSorter(
            {rule.code: {*rule.follows, *(() if rule.names_case else leaders)} for rule in rules}
        ).prepare()
    except CycleError as error:
        raise ConfigurationError(
            "Rules follow each other in a circle, so that a case would be its own cause.",
            expected="`follows` entries that lead to a first cause",
            found=" follows ".join(error.args[1]),
            remedy="remove one of them from the header's `follows`",
        ) from error
    return rules


def check_routes(rules: Iterable[Rule], messages: Mapping[str, Collection[str]]) -> Sequence[str]:
    """Return a line for each correction that a rule may propose and no system of its role declares.

    Args:
        rules: The rules that run.
        messages: The messages declared by the systems of each role.
    """
    return [
        f"{rule.code}: no system of role '{route.role}' declares the message '{route.message}'; "
        "its corrections wait for a person"
        for rule in rules
        for route in rule.routes
        if route.message not in messages.get(route.role.value, ())
    ]


def _declared_tolerances(model: SqlModel) -> tuple[str, ...]:
    declared = model.listed("tolerance")
    if set(declared) != set(model.parameters):
        raise _wrong(
            model, "tolerance", "exactly the parameters that the SQL takes", ", ".join(sorted(model.parameters))
        )
    return declared


def _are_declared(needs: Iterable[FeedNeed], declared: Iterable[FeedReference]) -> bool:
    present = {(feed.role, feed.contract) for feed in declared}
    return all((need.role.value, need.contract) in present for need in needs)


def _comparisons(model: SqlModel) -> tuple[tuple[FeedNeed, ...], ...]:
    groups = model.header.get("feeds", "").split("|")
    return tuple(tuple(_need(model, item.strip()) for item in group.split(",") if item.strip()) for group in groups)


def _need(model: SqlModel, item: str, entry: str = "feeds") -> FeedNeed:
    role, _, contract = item.partition(".")
    if role not in set(Role) or contract not in CONTRACTS:
        raise _wrong(model, entry, "role.contract, both known", item)
    return FeedNeed(Role(role), contract)


def _route(model: SqlModel, item: str, correction_class: CorrectionClass) -> MessageRoute:
    route = item.removesuffix(_ALWAYS_JUDGED)
    message, _, role = (part.strip() for part in route.partition("->"))
    if not message or role not in set(Role):
        raise _wrong(
            model, "correction", f"message -> role, and{_ALWAYS_JUDGED} behind it where a person decides", item
        )
    return MessageRoute(message, Role(role), correction_class if route == item else CorrectionClass.JUDGEMENT)


def _member(model: SqlModel, entry: str, kind: type[Kind]) -> Kind:
    value = model.required(entry)
    if value not in set(kind):
        raise _wrong(model, entry, ", ".join(kind), value)
    return kind(value)


def _wrong(model: SqlModel, entry: str, expected: str, found: str) -> ConfigurationError:
    return ConfigurationError(
        f"{model.path.name}: the header entry '{entry}' is wrong.",
        expected=expected,
        found=found,
        remedy="correct the line at the top of the file",
    )
