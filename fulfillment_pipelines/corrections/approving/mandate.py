"""May this person act in this role now, and in whose name: the rules of four eyes and of delegation.

Pure decisions on what was read; which role a correction needs is in `approval_policy`, reading and writing in
`approval` and `delegations`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from fulfillment_pipelines.corrections.approving.people import People
from fulfillment_pipelines.ledger.approvals import Approval, Delegation


@dataclass(frozen=True, slots=True)
class Mandate:
    """That one person may act in one role.

    Attributes:
        actor: Who acts.
        on_behalf_of: Whose role it is: the actor's own, or that of the person who lent it.
        role: The role.
    """

    actor: str
    on_behalf_of: str
    role: str

    @property
    def people(self) -> frozenset[str]:
        """Whose judgement it is: a delegate and the delegator are one."""
        return frozenset({self.actor, self.on_behalf_of})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a person may not act. `reason` is a clause that goes on from "…, because"; `remedy` says who may."""

    reason: str
    remedy: str


@dataclass(frozen=True)
class Authority:
    """Who may act in which role at one moment.

    Args:
        people: The people and their own roles.
        delegations: Those that are valid now.
        now: The moment.
    """

    people: People
    delegations: Sequence[Delegation]
    now: datetime

    def mandates(self, actor: str, role: str) -> list[Mandate]:
        """Return every way in which a person may act in a role, their own role first; none for who may not.

        A role is lent only by a person who has it: what was lent cannot be lent on.
        """
        if not self.people.is_active(actor):
            return []
        own = [Mandate(actor, actor, role)] if self.people.holds(actor, role) else []
        lent = [
            Mandate(actor, delegation.delegator, role)
            for delegation in self.delegations
            if delegation.delegate == actor
            and delegation.role == role
            and delegation.stands_at(self.now)
            and self.people.holds(delegation.delegator, role)
        ]
        return [*own, *lent]

    def able(self, role: str) -> list[str]:
        """Return everybody who may act in a role, by their own right or by delegation."""
        lent = {one.delegate for one in self.delegations if self.mandates(one.delegate, role)}
        return sorted({*self.people.holders(role), *lent})

    def to_decide(self, actor: str, role: str) -> Mandate | Refusal:
        """Return how a person may act in a role, or why not."""
        mandates = self.mandates(actor, role)
        return mandates[0] if mandates else self._without_role(actor, role)

    def to_approve(
        self, actor: str, role: str, *, proposers: Iterable[str], given: Sequence[Approval]
    ) -> Mandate | Refusal:
        """Return how a person may approve, or why not: four eyes, the role, and two people who are not one.

        Args:
            actor: Who would approve.
            role: The role it needs.
            proposers: Who proposed it, or edited any version of it.
            given: The approvals its content has already.
        """
        mandates, involved = self.mandates(actor, role), frozenset(proposers)
        if actor in involved:
            return Refusal(f"{actor} proposed it", self._others(role, involved))
        if not mandates:
            return self._without_role(actor, role)
        unbiased = [mandate for mandate in mandates if not mandate.people & involved]
        if not unbiased:
            lender = mandates[0].on_behalf_of
            return Refusal(f"{actor} would act for {lender}, who proposed it", self._others(role, involved))
        counted = frozenset(person for approval in given for person in approval.people)
        free = [mandate for mandate in unbiased if not mandate.people & counted]
        if not free:
            both = " and ".join(sorted(unbiased[0].people | (counted & unbiased[0].people)))
            reason = f"{actor} has approved it already" if actor in counted else f"{both} count as one person here"
            return Refusal(reason, self._others(role, involved | counted))
        return free[0]

    def _without_role(self, actor: str, role: str) -> Refusal:
        person = self.people.get(actor)
        if person is None:
            return Refusal(f"nobody is known as '{actor}'", self._others(role, frozenset()))
        if not person.active:
            return Refusal(f"{actor} has left", self._others(role, frozenset()))
        return Refusal(f"{actor} has not the role {role}", self._others(role, frozenset()))

    def _others(self, role: str, involved: frozenset[str]) -> str:
        able = [person for person in self.able(role) if person not in involved]
        who = f"{', '.join(able)} may" if able else "nobody else may at present"
        return f"ask somebody with the role {role}: {who}"
