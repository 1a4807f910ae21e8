"""The catalogue of rules: what the header of each file under `sql/30_reconcile/rules` declares.

Running a rule belongs to `runner`; what its SQL says belongs to the file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.canonical.reference import FeedReference
from fulfillment_pipelines.domain.correction import CorrectionClass
from fulfillment_pipelines.domain.finding import Severity
from fulfillment_pipelines.domain.snapshot import Role
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.sql_models import SqlModel

Kind = TypeVar("Kind", bound=StrEnum)

_CODE: Final = re.compile(r"^[A-Z]{3}-\d{2}$")


class ScopeKind(StrEnum):
    """Which changed keys make a rule look again."""

    ORDER = "order"
    STOCK = "stock"
    CUSTOMER = "customer"
    FEED = "feed"


@dataclass(frozen=True, slots=True)
class FeedNeed:
    """A feed that a rule compares: who says it and what it is."""

    role: Role
    contract: str


@dataclass(frozen=True, slots=True)
class MessageRoute:
    """A correction that a rule may propose, and the role of the system it goes to."""

    message: str
    role: Role


@dataclass(frozen=True)
class Rule:
    """One rule, as its header declares it.

    Attributes:
        code: Exception code of the domain book §2.7.
        confirm_snapshots: In how many successive watermarks a difference must stand.
        is_planned: Whether a condition may lie in the future, as the due time of a release does; until then it is no
            difference.
        explains: Edges of the quantity ledger whose residual this rule's findings account for.
        model: The file itself.
    """

    code: str
    name: str
    title: str
    grain: str
    scope: ScopeKind
    severity: Severity
    owner: str
    feeds: tuple[FeedNeed, ...]
    tolerances: tuple[str, ...]
    routes: tuple[MessageRoute, ...]
    correction_class: CorrectionClass
    confirm_snapshots: int
    is_planned: bool
    explains: tuple[str, ...]
    source: str
    model: SqlModel

    def is_applicable(self, declared: Iterable[FeedReference]) -> bool:
        """Return whether every feed the rule compares is declared: a rule without its systems says nothing."""
        present = {(feed.role, feed.contract) for feed in declared}
        return all((need.role.value, need.contract) in present for need in self.feeds)


def rule_from(model: SqlModel) -> Rule:
    """Read a rule from its file.

    Raises:
        ConfigurationError: The header lacks an entry or has a value that is not known.
    """
    code = model.required("rule")
    if not _CODE.match(code) or model.name != code.lower().replace("-", "_"):
        raise _wrong(model, "rule", f"a code such as FIN-01, in a file named after it (found {code})", code)
    return Rule(
        code=code,
        name=model.required("name"),
        title=model.required("title"),
        grain=model.required("grain"),
        scope=_member(model, "scope", ScopeKind),
        severity=_member(model, "severity", Severity),
        owner=model.required("owner"),
        feeds=tuple(_need(model, item) for item in model.listed("feeds")),
        tolerances=_declared_tolerances(model),
        routes=tuple(_route(model, item) for item in model.listed("correction")),
        correction_class=_member(model, "class", CorrectionClass),
        confirm_snapshots=int(model.header.get("confirm", "1")),
        is_planned=model.header.get("planned") == "yes",
        explains=model.listed("explains"),
        source=model.required("source"),
        model=model,
    )


def read_rules(models: Sequence[SqlModel]) -> tuple[Rule, ...]:
    """Read all rules, in the order of their codes."""
    return tuple(sorted((rule_from(model) for model in models), key=lambda rule: rule.code))


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


def _need(model: SqlModel, item: str) -> FeedNeed:
    role, _, contract = item.partition(".")
    if role not in set(Role) or contract not in CONTRACTS:
        raise _wrong(model, "feeds", "role.contract, both known", item)
    return FeedNeed(Role(role), contract)


def _route(model: SqlModel, item: str) -> MessageRoute:
    message, _, role = (part.strip() for part in item.partition("->"))
    if not message or role not in set(Role):
        raise _wrong(model, "correction", "message -> role", item)
    return MessageRoute(message, Role(role))


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
