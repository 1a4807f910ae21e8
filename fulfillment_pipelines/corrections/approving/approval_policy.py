"""Which role must approve a correction, how many people, and by when (`data/seeds/approvals.yaml`).

Every clause whose conditions all hold applies, and the strictest of them counts. Whether one person may act in a role
belongs in `mandate`; whether a correction waits for people at all, in `policy`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, NonNegativeInt, PositiveInt

from fulfillment_pipelines.corrections.approving.people import People
from fulfillment_pipelines.corrections.approving.stakes import Stakes, stakes_of
from fulfillment_pipelines.domain.calendar import BusinessCalendar
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.exceptions.seeds import Seed
from fulfillment_pipelines.exceptions.sla import Deadline
from fulfillment_pipelines.ledger.corrections import CorrectionRecord

NonNegative: TypeAlias = Annotated[Decimal, Field(ge=0)]

_FILE = "data/seeds/approvals.yaml"


class Conditions(Seed):
    """When a clause applies; all that are given must hold, and none given holds for everything.

    Attributes:
        codes: Exception codes; empty for every code.
        messages: Messages; empty for every message.
        above_amount: Money, by currency: more than this. Money in a currency that is not listed counts as more.
        above_qty: Base units: more than this.
        above_orders: Orders it touches: more than this.
        above_customers: Customers it touches: more than this.
        priority: It touches a priority order or a priority customer.
    """

    codes: frozenset[str] = frozenset()
    messages: frozenset[str] = frozenset()
    above_amount: Mapping[str, NonNegative] | None = None
    above_qty: NonNegative | None = None
    above_orders: NonNegativeInt | None = None
    above_customers: NonNegativeInt | None = None
    priority: Literal[True] | None = None

    def hold_for(self, stakes: Stakes) -> bool:
        """Whether every condition that is given holds."""
        named = (not self.codes or stakes.code in self.codes) and (not self.messages or stakes.message in self.messages)
        sized = (
            (self.above_qty is None or stakes.qty > self.above_qty)
            and (self.above_orders is None or stakes.orders > self.above_orders)
            and (self.above_customers is None or stakes.customers > self.above_customers)
        )
        return named and sized and self._costs_enough(stakes) and (self.priority is None or stakes.priority)

    def _costs_enough(self, stakes: Stakes) -> bool:
        limits = self.above_amount
        if limits is None:
            return True
        # What cannot be compared is treated as too much, never as nothing.
        return any(amount > limits.get(currency, Decimal(0)) for currency, amount in stakes.amounts.items())


class ApprovalClause(Seed):
    """What one kind of correction needs.

    Attributes:
        clause_id: What records and screens call it.
        when: To what it applies.
        role: The role every approver must have.
        approvals: How many people must approve.
        expires_after: By when they must have, from the moment it began to wait.
        because: Why, in words for a person.
        calendar: By which business time runs; that of the file unless given.
    """

    clause_id: str
    when: Conditions
    role: str
    approvals: Literal[1, 2]
    expires_after: Deadline
    because: str
    calendar: str = ""


class DelegationLimits(Seed):
    """How a role may be lent."""

    longest_days: PositiveInt


class ApprovalSeed(Seed):
    """The content of `approvals.yaml`.

    Attributes:
        version: Raised with every change of the file.
        calendar: By which expiry runs, where a clause names none.
        roles: Every role there is, and its rank; the higher, the stricter.
        priority_customers: Customers whose orders are all priority orders.
        clauses: In the order in which equals are preferred.
        delegation: How a role may be lent.
        governance_role: Who grants and revokes for others, and lets kill switches go.
    """

    version: PositiveInt
    calendar: str
    roles: Mapping[str, PositiveInt]
    priority_customers: frozenset[str]
    clauses: Annotated[Sequence[ApprovalClause], Field(min_length=1)]
    delegation: DelegationLimits
    governance_role: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one correction needs before it is sent.

    Attributes:
        role: The role every approver must have.
        approvals: How many people.
        expires_at: When the approvals that were not given lapse.
        clause_id: The clause that says so.
        because: Why, in words for a person.
    """

    role: str
    approvals: int
    expires_at: datetime
    clause_id: str
    because: str


class ApprovalPolicy:
    """The clauses, with the calendars they run by and the people they ask for.

    Args:
        seed: The content of `approvals.yaml`.
        people: The people.
        calendars: All business calendars by name.

    Raises:
        ConfigurationError: A clause asks for a role, a calendar or more people than there are, a stricter role asks
            for fewer people, nothing covers every correction, or a person has a role that is not declared.
    """

    def __init__(self, seed: ApprovalSeed, people: People, calendars: Mapping[str, BusinessCalendar]) -> None:
        self._seed = seed
        self._calendars = calendars
        _check_names(seed, calendars)
        _check_strictness(seed)
        _check_people(seed, people)

    @property
    def longest_delegation_days(self) -> int:
        """How long a role may be lent at most."""
        return self._seed.delegation.longest_days

    @property
    def governance_role(self) -> str:
        """Who grants and revokes for others, and lets kill switches go."""
        return self._seed.governance_role

    @property
    def clause_ids(self) -> frozenset[str]:
        """Names of all clauses."""
        return frozenset(clause.clause_id for clause in self._seed.clauses)

    @property
    def roles(self) -> frozenset[str]:
        """Every role there is."""
        return frozenset(self._seed.roles)

    def requirement(self, stakes: Stakes, now: datetime) -> Requirement:
        """Return what a correction with these stakes needs if it begins to wait now."""
        applying = [clause for clause in self._seed.clauses if clause.when.hold_for(self._with_priority(stakes))]
        # `max` keeps the first of equals, which is the first in the file.
        clause = max(applying, key=lambda one: (self._seed.roles[one.role], one.approvals))
        return Requirement(
            role=clause.role,
            approvals=clause.approvals,
            expires_at=self._expiry(clause, now),
            clause_id=clause.clause_id,
            because=clause.because,
        )

    def _with_priority(self, stakes: Stakes) -> Stakes:
        listed = bool(stakes.customer_ids & self._seed.priority_customers)
        return replace(stakes, priority=True) if listed else stakes

    def _expiry(self, clause: ApprovalClause, now: datetime) -> datetime:
        return clause.expires_after.due_at(now, self._calendars[clause.calendar or self._seed.calendar])


def awaiting_people(record: CorrectionRecord, policy: ApprovalPolicy, now: datetime) -> CorrectionRecord:
    """Return a correction that waits for people with what it needs: role, number, clause, and when it lapses.

    A correction that waits already keeps its expiry, however often a snapshot refreshes it; clear `expires_at` where
    it begins to wait anew. The clause that speaks against doing it without people goes into the reason.
    """
    needed = policy.requirement(stakes_of(record), now)
    objection = record.clause_id if record.clause_id not in policy.clause_ids else ""
    return replace(
        record,
        decision_reason=f"{objection}: {record.decision_reason}" if objection else record.decision_reason,
        approver_role=needed.role,
        approvals_needed=needed.approvals,
        expires_at=record.expires_at or needed.expires_at,
        clause_id=needed.clause_id,
    )


def _check_names(seed: ApprovalSeed, calendars: Mapping[str, BusinessCalendar]) -> None:
    named = [clause.clause_id for clause in seed.clauses]
    twice = sorted({one for one in named if named.count(one) > 1})
    if twice:
        raise _wrong("Two clauses have one name.", "each `clause_id` once", ", ".join(twice))
    for calendar in (seed.calendar, *(clause.calendar for clause in seed.clauses if clause.calendar)):
        if calendar not in calendars:
            raise _wrong("A calendar does not exist.", f"one of {', '.join(sorted(calendars))}", calendar)
    for role in (seed.governance_role, *(clause.role for clause in seed.clauses)):
        if role not in seed.roles:
            raise _wrong("A role has no rank.", f"one of {', '.join(sorted(seed.roles))}", role)


def _check_strictness(seed: ApprovalSeed) -> None:
    """Refuse a ladder on which a higher step asks for fewer people: the strictest clause would not be the strictest."""
    for lower in seed.clauses:
        for higher in seed.clauses:
            if seed.roles[higher.role] > seed.roles[lower.role] and higher.approvals < lower.approvals:
                raise _wrong(
                    "A clause with a higher role asks for fewer people than one with a lower role.",
                    f"{higher.clause_id} to ask for at least {lower.approvals}, as {lower.clause_id} does",
                    f"{higher.approvals}",
                )
    if not any(clause.when == Conditions() for clause in seed.clauses):
        raise _wrong("Nothing covers every correction.", "one clause with `when: {}`", "conditions in every clause")


def _check_people(seed: ApprovalSeed, people: People) -> None:
    for person in people.everybody:
        unknown = sorted(person.roles - set(seed.roles))
        if unknown:
            raise _wrong(f"{person.id} has a role without a rank.", "roles of approvals.yaml", ", ".join(unknown))
    asked = [(clause.clause_id, clause.role, clause.approvals) for clause in seed.clauses]
    for name, role, number in [*asked, ("governance_role", seed.governance_role, 1)]:
        if len(people.holders(role)) < number:
            raise _wrong(
                f"{name} asks for more people with the role {role} than there are.",
                f"at least {number} active people with that role in people.yaml",
                ", ".join(people.holders(role)) or "nobody",
            )


def _wrong(what: str, expected: str, found: str) -> ConfigurationError:
    return ConfigurationError(
        f"The approval policy cannot be used: {what}",
        expected=expected,
        found=found,
        remedy=f"correct {_FILE} or data/seeds/people.yaml",
    )
