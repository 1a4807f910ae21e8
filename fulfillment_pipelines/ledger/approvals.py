"""Reading and writing what people decided on corrections, and who lent whom a role.

Who may decide what, and what follows from a decision, belongs in `corrections.approving`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, insert, or_, select, update

from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.ledger.corrections import ALL_OF_A_CORRECTION, CorrectionRecord, record_of
from fulfillment_pipelines.ledger.tables import approval, audit_log, correction, delegation, exception_case
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

BEGAN_TO_WAIT = "correction.pending"
"""How the audit log calls it that a correction begins to wait for people."""


class ApprovalDecision(StrEnum):
    """What a person decided."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class Approval:
    """One row of `approval`: one person's decision on one content.

    Attributes:
        correction_id: What was decided on.
        version: Its version.
        content_hash: The content that was decided on; another content needs another decision.
        decision: What was decided.
        actor: The person.
        on_behalf_of: The person whose role was used; the actor, unless the role was lent.
        role: The role in which it was decided.
        reason: Why, in the person's words.
        decided_at: When.
    """

    correction_id: str
    version: int
    content_hash: str
    decision: ApprovalDecision
    actor: str
    on_behalf_of: str
    role: str
    reason: str
    decided_at: datetime

    @property
    def people(self) -> frozenset[str]:
        """Whose judgement it is: a delegate and the delegator are one."""
        return frozenset({self.actor, self.on_behalf_of})


@dataclass(frozen=True, slots=True)
class Delegation:
    """One row of `delegation`: a role that one person lends another.

    Attributes:
        delegator: Whose role it is.
        delegate: Who may act in it.
        role: The role.
        valid_from: From this moment on.
        valid_until: Before this moment.
        reason: Why.
        revoked_at: When it was taken back; None while it stands.
        delegation_id: Identity; 0 until it is stored.
    """

    delegator: str
    delegate: str
    role: str
    valid_from: datetime
    valid_until: datetime
    reason: str
    revoked_at: datetime | None = None
    delegation_id: int = 0

    def stands_at(self, now: datetime) -> bool:
        """Whether the delegate may act in the role at a moment."""
        return self.revoked_at is None and self.valid_from <= now < self.valid_until


@dataclass(frozen=True, slots=True)
class Waiting:
    """Which corrections that wait for people are meant. An empty condition holds for every one.

    Attributes:
        correction_id: Only this one.
        cause: Only those of this case, and of the cases it causes.
        code: Only of this exception code.
        node: Only of this site.
        target: Only to this system.
        message: Only with this message.
        role: Only those that need this role.
        lapsed_at: Only those whose time was up at this moment.
    """

    correction_id: str = ""
    cause: str = ""
    code: str = ""
    node: str = ""
    target: str = ""
    message: str = ""
    role: str = ""
    lapsed_at: datetime | None = None


_MOST_AT_ONCE: Final = 1000
_APPROVAL_COLUMNS = tuple(field.name for field in fields(Approval))
_DELEGATION_COLUMNS = tuple(field.name for field in fields(Delegation))


def correction_by_id(work: UnitOfWork, correction_id: str) -> CorrectionRecord | None:
    """Return one correction; None where there is no such."""
    rows = work.rows(select(*ALL_OF_A_CORRECTION).where(correction.c.correction_id == correction_id))
    return record_of(rows[0]) if rows else None


def waiting_corrections(work: UnitOfWork, wanted: Waiting = Waiting()) -> list[CorrectionRecord]:
    """Return the corrections that wait for people; those that lapse first come first."""
    pairs = (
        (correction.c.correction_id, wanted.correction_id),
        (correction.c.code, wanted.code),
        (correction.c.node, wanted.node),
        (correction.c.target, wanted.target),
        (correction.c.message, wanted.message),
        (correction.c.approver_role, wanted.role),
    )
    conditions = [correction.c.state == CorrectionState.PENDING, *(column == value for column, value in pairs if value)]
    if wanted.cause:
        caused = or_(exception_case.c.case_id == wanted.cause, exception_case.c.parent_case_id == wanted.cause)
        conditions.append(correction.c.case_id.in_(select(exception_case.c.case_id).where(caused)))
    if wanted.lapsed_at is not None:
        conditions.append(correction.c.expires_at <= wanted.lapsed_at)
    ordered = select(*ALL_OF_A_CORRECTION).where(*conditions)
    rows = work.rows(ordered.order_by(correction.c.expires_at.nulls_last(), correction.c.correction_id))
    return [record_of(row) for row in rows]


def approvals_given(work: UnitOfWork, correction_ids: Iterable[str]) -> dict[str, list[Approval]]:
    """Return the approvals these corrections have had since they last began to wait, oldest first.

    What was approved before a correction lapsed or was withdrawn is no approval of the one that was proposed anew.
    """
    identities = sorted(set(correction_ids))
    found: dict[str, list[Approval]] = {}
    # Not by the staging table, which a transaction that only reads cannot fill on PostgreSQL.
    for start in range(0, len(identities), _MOST_AT_ONCE):
        for row in work.rows(_given(identities[start : start + _MOST_AT_ONCE])):
            values = {name: getattr(row, name) for name in _APPROVAL_COLUMNS}
            found.setdefault(row.correction_id, []).append(
                Approval(**(values | {"decision": ApprovalDecision(row.decision)}))
            )
    return found


def insert_approvals(work: UnitOfWork, approvals: Sequence[Approval]) -> None:
    """Record decisions of people."""
    work.change(insert(approval), [{name: getattr(one, name) for name in _APPROVAL_COLUMNS} for one in approvals])


def standing_delegations(work: UnitOfWork, now: datetime) -> list[Delegation]:
    """Return the delegations that are valid at a moment, oldest first."""
    valid = and_(delegation.c.revoked_at.is_(None), delegation.c.valid_from <= now, delegation.c.valid_until > now)
    return _delegations(work, valid)


def all_delegations(work: UnitOfWork) -> list[Delegation]:
    """Return every delegation there ever was, oldest first."""
    return _delegations(work, delegation.c.delegation_id.is_not(None))


def insert_delegation(work: UnitOfWork, granted: Delegation) -> int:
    """Record a delegation and return its identity."""
    values = {name: getattr(granted, name) for name in _DELEGATION_COLUMNS if name != "delegation_id"}
    rows = work.rows(insert(delegation).values(values).returning(delegation.c.delegation_id))
    return int(rows[0].delegation_id)


def revoke_delegation(work: UnitOfWork, delegation_id: int, now: datetime) -> None:
    """Record that a delegation was taken back."""
    work.change(update(delegation).where(delegation.c.delegation_id == delegation_id).values(revoked_at=now))


def _given(identities: Sequence[str]) -> Select[Any]:
    began = (
        select(func.max(audit_log.c.recorded_at))
        .where(audit_log.c.subject == approval.c.correction_id, audit_log.c.action == BEGAN_TO_WAIT)
        .scalar_subquery()
    )
    return (
        select(*(approval.c[name] for name in _APPROVAL_COLUMNS))
        .where(
            approval.c.correction_id.in_(identities),
            approval.c.decision == ApprovalDecision.APPROVED,
            approval.c.decided_at >= func.coalesce(began, approval.c.decided_at),
        )
        .order_by(approval.c.approval_id)
    )


def _delegations(work: UnitOfWork, condition: ColumnElement[bool]) -> list[Delegation]:
    rows = work.rows(
        select(*(delegation.c[name] for name in _DELEGATION_COLUMNS))
        .where(condition)
        .order_by(delegation.c.delegation_id)
    )
    return [Delegation(**{name: getattr(row, name) for name in _DELEGATION_COLUMNS}) for row in rows]
