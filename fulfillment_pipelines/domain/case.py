"""A case: one difference at one business key, from the moment it breaks until a later snapshot proves its cure.

Which moves are legal belongs in `exceptions.lifecycle`, when they are due in `exceptions.sla`, and where a
case is kept in `ledger`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from fulfillment_pipelines.domain.finding import Severity


class CaseState(StrEnum):
    """Where a case stands (domain book §2.2)."""

    DETECTED = "DETECTED"
    OPEN = "OPEN"
    ASSIGNED = "ASSIGNED"
    IN_PROGRESS = "IN_PROGRESS"
    PENDING_APPROVAL = "PENDING_APPROVAL"
    WAITING_EXTERNAL = "WAITING_EXTERNAL"
    CORRECTION_SENT = "CORRECTION_SENT"
    RESOLVED = "RESOLVED"
    VERIFIED = "VERIFIED"
    CLOSED = "CLOSED"
    REOPENED = "REOPENED"
    AUTO_CLEARED = "AUTO_CLEARED"
    SUPPRESSED = "SUPPRESSED"

    @property
    def ended(self) -> bool:
        """Whether the case has been proved cured and waits for nothing."""
        return self in _ENDED


_ENDED = frozenset({CaseState.VERIFIED, CaseState.AUTO_CLEARED, CaseState.CLOSED})


class CaseEventKind(StrEnum):
    """What happened to a case, past tense."""

    OPENED = "exception.opened"
    REFRESHED = "exception.refreshed"
    REOPENED = "exception.reopened"
    MOVED = "exception.moved"
    TAKEN = "exception.taken"
    ASSIGNED = "exception.assigned"
    COMMENTED = "exception.commented"
    SUPPRESSED = "exception.suppressed"
    PAUSED = "exception.paused"
    RESUMED = "exception.resumed"
    LINKED = "exception.linked"
    CURED = "exception.verified"


@dataclass(frozen=True, slots=True)
class RuleRun:
    """That one rule was evaluated, on which inputs, and whether the absence of a finding may be believed.

    Attributes:
        code: Exception code of the rule.
        node: The site it speaks of; None for every site, an empty string for differences without a site.
        watermark_at: The oldest `as_of` of the feeds that were compared.
        trustworthy: False when an input was stale, partial or broke its contract.
    """

    code: str
    node: str | None
    watermark_at: datetime
    trustworthy: bool


@dataclass(frozen=True, slots=True)
class Case:
    """One row of `exception_case`: everything that is known of one exception.

    Attributes:
        case_id: Identity; see `case_id_of`.
        code: Exception code.
        business_key: What the difference is about.
        node: The site, or an empty string.
        order_id: ERP order number, or an empty string.
        state: Where the case stands.
        severity: Decides the deadlines.
        owner: The one team that owns it.
        assignee: The person who has taken it; None while it is in the team's queue.
        value_at_risk_amount: Money exposed, in `currency`, to the hundredth.
        currency: ISO 4217 code.
        expected_value: What the authority says.
        actual_value: What the other system says.
        delta_qty: Expected minus actual in base units; None where quantities are not compared.
        condition_since: When the difference became true; deadlines count from here.
        detected_at: When it was first seen.
        opened_at: When it was opened last: `detected_at`, or the last reopening.
        first_breaks_at: When it stopped being a matter of timing.
        ack_due_at: By when somebody must have taken it.
        fix_due_at: By when it must be solved.
        acked_at: When somebody took it; None before.
        closed_at: When its cure was proved; None while it is open.
        last_seen_watermark_at: The latest watermark at which the difference stood.
        proving_watermark_at: The later watermark at which it no longer stood; None while it is open.
        times_opened: 1, and one more for each time the difference came back.
        rule_version: Hash of the rule that last saw it.
        evidence: JSON text: which systems, which rows, which snapshots.
        parent_case_id: The case of the common root cause, where there is one.
        suppressed_until: Until when a person has silenced it; None for not silenced.
    """

    case_id: str
    code: str
    business_key: str
    node: str
    order_id: str
    state: CaseState
    severity: Severity
    owner: str
    assignee: str | None
    value_at_risk_amount: Decimal
    currency: str
    expected_value: str
    actual_value: str
    delta_qty: Decimal | None
    condition_since: datetime
    detected_at: datetime
    opened_at: datetime
    first_breaks_at: datetime
    ack_due_at: datetime
    fix_due_at: datetime
    acked_at: datetime | None
    closed_at: datetime | None
    last_seen_watermark_at: datetime
    proving_watermark_at: datetime | None
    times_opened: int
    rule_version: str
    evidence: str
    parent_case_id: str | None
    suppressed_until: datetime | None


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """One row of a case's history.

    Attributes:
        case_id: Of the case.
        occurred_at: When it happened.
        actor: Who did it: a person's name, or the part of the platform.
        event: What happened.
        from_state: Where the case stood.
        to_state: Where it stands since.
        watermark_at: The watermark that shows it; None where a person moved the case.
        note: Why, in words for a person.
    """

    case_id: str
    occurred_at: datetime
    actor: str
    event: CaseEventKind
    from_state: CaseState
    to_state: CaseState
    watermark_at: datetime | None
    note: str


def case_id_of(code: str, business_key: str, node: str) -> str:
    """Return the identity of a difference: the same tomorrow, in another process and after a rebuild."""
    digest = hashlib.sha256(f"{code}|{business_key}|{node}".encode()).hexdigest()
    return f"EXC-{digest[:16]}"
