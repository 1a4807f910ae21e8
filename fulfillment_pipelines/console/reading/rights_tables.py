"""Who may do what, as tables: access matrix, decision rights, approval clauses, people, and who lends whom a role.

The texts of these files, and how they change, belong in `policy_texts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.corrections.approving.approval_policy import ApprovalClause, ApprovalSeed
from fulfillment_pipelines.corrections.approving.people import Person
from fulfillment_pipelines.corrections.rights.access import AccessRole, Permission, Reach
from fulfillment_pipelines.corrections.rights.authority import Attribute, Grant
from fulfillment_pipelines.ledger.approvals import Delegation, all_delegations
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.systems.yaml_file import read_yaml


@dataclass(frozen=True, slots=True)
class PermissionRow:
    """One permission and for which cases each role has it; None where it has not."""

    permission: Permission
    reaches: tuple[Reach | None, ...]


@dataclass(frozen=True, slots=True)
class AttributeRow:
    """One thing systems speak of, and whose word stands for it."""

    name: str
    attribute: Attribute


@dataclass(frozen=True, slots=True)
class Clause:
    """One approval clause.

    Attributes:
        clause: As the file has it.
        when: To what it applies, in words.
        able: Who has its role.
    """

    clause: ApprovalClause
    when: str
    able: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rights:
    """The page of rights."""

    roles: tuple[AccessRole, ...]
    permissions: tuple[PermissionRow, ...]
    attributes: tuple[AttributeRow, ...]
    grants: tuple[Grant, ...]
    clauses: tuple[Clause, ...]
    governance_role: str


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """The page of people.

    Attributes:
        people: Everybody, also who has left.
        delegations: Every one there ever was, the latest first.
        now: The moment it speaks of.
        longest_days: For at most so long a role may be lent.
        governance_role: Who may arrange it for others.
    """

    people: tuple[Person, ...]
    delegations: tuple[Delegation, ...]
    now: datetime
    longest_days: int
    governance_role: str

    @property
    def active(self) -> tuple[Person, ...]:
        """Who may decide at all."""
        return tuple(person for person in self.people if person.active)

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles somebody has."""
        return tuple(sorted({role for person in self.people for role in person.roles}))

    def is_standing(self, one: Delegation) -> bool:
        """Whether a delegation stands, or begins later."""
        return one.revoked_at is None and one.valid_until > self.now


def read_rights(console: Console) -> Rights:
    """Return who may do what.

    Raises:
        ConfigurationError: A file cannot be read.
    """
    policies = console.policies
    seed = policies.access.seed
    roles = tuple(seed.roles)
    path = console.platform.distributor.seeds / "approvals.yaml"
    approvals = read_yaml(path, TypeAdapter(ApprovalSeed), what="approval policy")
    return Rights(
        roles=roles,
        permissions=tuple(
            PermissionRow(permission, tuple(seed.roles[role].get(permission) for role in roles))
            for permission in Permission
        ),
        attributes=tuple(AttributeRow(name, one) for name, one in policies.authority.attributes.items()),
        grants=policies.authority.grants,
        clauses=tuple(
            Clause(clause, _words(clause), tuple(policies.people.holders(clause.role))) for clause in approvals.clauses
        ),
        governance_role=policies.approvals.governance_role,
    )


def read_people(console: Console, work: UnitOfWork) -> PeoplePage:
    """Return the people and who lends whom which role."""
    policies = console.policies
    return PeoplePage(
        people=tuple(policies.people.everybody),
        delegations=tuple(reversed(all_delegations(work))),
        now=console.now(),
        longest_days=policies.approvals.longest_delegation_days,
        governance_role=policies.approvals.governance_role,
    )


def _words(clause: ApprovalClause) -> str:
    when = clause.when
    conditions: Mapping[str, str] = {
        "codes": _listed(when.codes),
        "messages": _listed(when.messages),
        "more than": ", ".join(f"{amount:,} {currency}" for currency, amount in (when.above_amount or {}).items()),
        "base units, more than": "" if when.above_qty is None else f"{when.above_qty:,}",
        "orders, more than": "" if when.above_orders is None else str(when.above_orders),
        "customers, more than": "" if when.above_customers is None else str(when.above_customers),
        "priority orders": "yes" if when.priority else "",
    }
    said = [f"{name}: {words}" for name, words in conditions.items() if words]
    return "; ".join(said) or "everything else"


def _listed(names: Sequence[str] | frozenset[str]) -> str:
    return ", ".join(sorted(names))
