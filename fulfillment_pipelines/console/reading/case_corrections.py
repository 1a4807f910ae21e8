"""What a person must see before deciding on a correction: what changes, how it is undone, how far it reaches, who may.

The ledger alone is read. Deciding belongs to `corrections.approving`; which of it a person is shown, to the page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from fulfillment_pipelines.console.reading.case_words import shown
from fulfillment_pipelines.console.rendering import money, quantity
from fulfillment_pipelines.corrections.approving.approval_policy import awaiting_people
from fulfillment_pipelines.corrections.approving.decisions import standing_approvals
from fulfillment_pipelines.corrections.approving.mandate import Authority, Mandate, Refusal
from fulfillment_pipelines.corrections.approving.obstacles import Circumstances, obstacle_to
from fulfillment_pipelines.corrections.approving.stakes import stakes_of
from fulfillment_pipelines.corrections.approving.versions import proposers_of
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.proposing.gate import GateClause
from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.ledger.approvals import Approval, approvals_given, standing_delegations
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.outbox import AttemptReceipt
from fulfillment_pipelines.ledger.readings import CaseFile, CorrectionFile
from fulfillment_pipelines.ledger.switches import engaged_switches
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.messages.catalogue import CATALOGUE

CLASS_WORDS: Final[Mapping[str, str]] = {
    "P": "publish: tell a system what its authority has recorded",
    "G": "guard: stop before harm is done",
    "R": "retry: repeat what may not have arrived",
    "N": "notify: let people know",
    "J": "judgement: a person decides",
}
EDITABLE: Final = frozenset({CorrectionState.PENDING, CorrectionState.DEAD_LETTER, CorrectionState.REJECTED})
_OVER: Final = frozenset({CorrectionState.SUPERSEDED})
_NO_CURRENCY: Final = "XXX"


@dataclass(frozen=True, slots=True)
class Change:
    """One value that a correction changes in its target; None where the target has none, or it is not known."""

    attribute: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and a value, for a person."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class EditableField:
    """One field of the content that a person may change."""

    name: str
    value: str
    kind: str


@dataclass(frozen=True, slots=True)
class ClauseWords:
    """One clause of a policy, and what it says."""

    clause_id: str
    words: str


@dataclass(frozen=True, slots=True)
class Approvers:
    """Who may let a correction go.

    Attributes:
        needs: Role and number, in words.
        given: The approvals it has.
        able: Names of those who may approve it now.
        may_i: Whether the reader may.
        why_not_me: Why the reader may not, and who may; empty where the reader may.
        obstacle: What stands in the way of an approval, whoever gives it; empty for nothing.
        expires_at: When it lapses; None for never.
    """

    needs: str
    given: Sequence[Approval]
    able: tuple[str, ...]
    may_i: bool
    why_not_me: str
    obstacle: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ToldCorrection:
    """One correction, told to whoever decides on it.

    Attributes:
        record: As the ledger has it.
        asks: What its message asks for, in one sentence.
        class_words: What its class means.
        changes: What changes in the target.
        undoing: How it is undone, or why it cannot be.
        reach: How far it reaches.
        reactions: What other systems do because of it.
        clauses: The clauses under which it stands, with their words.
        content: What is sent.
        precondition: What the target must still hold.
        fields: What a person may change of it.
        receipts: Every attempt to deliver it.
        approvers: Who may approve it; None where it does not wait for people.
        is_over: Whether another has taken its place.
    """

    record: CorrectionRecord
    asks: str
    class_words: str
    changes: tuple[Change, ...]
    undoing: tuple[Fact, ...]
    reach: tuple[Fact, ...]
    reactions: tuple[Fact, ...]
    clauses: tuple[ClauseWords, ...]
    content: tuple[Fact, ...]
    precondition: tuple[Fact, ...]
    fields: tuple[EditableField, ...]
    receipts: tuple[AttemptReceipt, ...]
    approvers: Approvers | None
    is_over: bool


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks, and by which policies and roles things are judged."""

    person_id: str
    policies: Policies
    roles: Mapping[str, str]
    now: datetime


def tell_corrections(work: UnitOfWork, file: CaseFile, reader: Reader) -> tuple[ToldCorrection, ...]:
    """Return the corrections of a case, those that count first, and then the latest first.

    Args:
        work: Reads the ledger.
        file: The case.
        reader: Who looks; `roles` are the roles of the systems by their declared names.
    """
    told = [_told(work, one, file, reader) for one in reversed(file.corrections)]
    return tuple(sorted(told, key=lambda one: one.is_over))


def _told(work: UnitOfWork, one: CorrectionFile, file: CaseFile, reader: Reader) -> ToldCorrection:
    record, message = one.correction, CATALOGUE.get(one.correction.message)
    payload, impact = json.loads(record.payload), json.loads(record.impact)
    return ToldCorrection(
        record=record,
        asks=message.asks if message else "",
        class_words=CLASS_WORDS[record.correction_class],
        changes=tuple(
            Change(row["attribute"], _value(row["before"]), _value(row["after"])) for row in json.loads(record.diff)
        ),
        undoing=_undoing(json.loads(record.inverse)),
        reach=_reach(impact),
        reactions=tuple(Fact(row["role"], row["does"]) for row in impact.get("systems", [])),
        clauses=_clauses(record, reader),
        content=_facts(payload),
        precondition=_facts(json.loads(record.precondition)),
        fields=_fields(payload, message.sets if message else ()) if record.state in EDITABLE else (),
        receipts=one.receipts,
        approvers=_approvers(work, record, file, reader) if record.state is CorrectionState.PENDING else None,
        is_over=record.state in _OVER,
    )


def _approvers(work: UnitOfWork, record: CorrectionRecord, file: CaseFile, reader: Reader) -> Approvers:
    policies, now = reader.policies, reader.now
    asked = record if record.approver_role else awaiting_people(record, policies.approvals, now)
    authority = Authority(policies.people, standing_delegations(work, now), now)
    had = approvals_given(work, [record.correction_id]).get(record.correction_id, ())
    given = standing_approvals(asked, had, policies.people)
    proposers = proposers_of(asked, [one.correction for one in file.corrections])
    answers = {
        person: authority.to_approve(person, asked.approver_role, proposers=proposers, given=given)
        for person in {*authority.able(asked.approver_role), reader.person_id}
    }
    mine = answers[reader.person_id]
    able = sorted(person for person, answer in answers.items() if isinstance(answer, Mandate))
    return Approvers(
        needs=f"{asked.approvals_needed} x {asked.approver_role}",
        given=given,
        able=tuple(_name(policies, person) for person in able),
        may_i=isinstance(mine, Mandate),
        why_not_me=f"{mine.reason}: {mine.remedy}" if isinstance(mine, Refusal) else "",
        obstacle=_obstacle(work, asked, file.case, reader),
        expires_at=asked.expires_at,
    )


def _obstacle(work: UnitOfWork, record: CorrectionRecord, case: Case, reader: Reader) -> str:
    met = Circumstances(engaged_switches(work), reader.policies.authority, reader.now)
    refusal = obstacle_to(record, case, met)
    return f"{refusal.reason}: {refusal.remedy}" if refusal else ""


def _name(policies: Policies, person_id: str) -> str:
    person = policies.people.get(person_id)
    return person.name if person else person_id


def _clauses(record: CorrectionRecord, reader: Reader) -> tuple[ClauseWords, ...]:
    """Return the clause of the decision, and the row of the decision rights within which the message lies."""
    policies = reader.policies
    words = {clause.value: f"asks that {clause.asks}" for clause in GateClause}
    automatic = policies.gate.clause_for(record.code)
    words[automatic.clause_id] = automatic.because
    grant = policies.authority.grant_for(record.message, reader.roles.get(record.target, ""), record.correction_class)
    if record.clause_id in policies.approvals.clause_ids:
        words |= _words_of_approval(record, reader)
    words.setdefault(record.clause_id, record.decision_reason)
    told = [ClauseWords(record.clause_id, words[record.clause_id])] if record.clause_id else []
    return (*told, *([ClauseWords(grant.clause_id, grant.because)] if grant else []))


def _words_of_approval(record: CorrectionRecord, reader: Reader) -> Mapping[str, str]:
    needed = reader.policies.approvals.requirement(stakes_of(record), reader.now)
    return {needed.clause_id: needed.because}


def _undoing(inverse: Mapping[str, Any]) -> tuple[Fact, ...]:
    if not inverse.get("message"):
        because = inverse.get("because") or "it was proposed before this was worked out"
        return (Fact("by no message", str(because)),)
    return (
        Fact("message", str(inverse["message"])),
        *_facts(inverse["payload"]),
        *(Fact(f"if still {name}", _text(value)) for name, value in inverse["precondition"].items()),
        *(Fact(name, f"known later: {what}") for name, what in inverse["later"].items()),
        *([Fact("not brought back", ", ".join(inverse["not_restored"]))] if inverse["not_restored"] else []),
    )


def _reach(impact: Mapping[str, Any]) -> tuple[Fact, ...]:
    if not impact:
        return ()
    named = [Fact(name.replace("_", " "), ", ".join(impact[name])) for name in ("orders", "order_lines", "customers")]
    worth = "" if impact["currency"] == _NO_CURRENCY else money(Decimal(impact["amount"]), impact["currency"])
    return (
        Fact("changes", f"one {impact['object']}"),
        *(fact for fact in named if fact.value),
        *_facts(impact["objects"]),
        *([Fact("base units", quantity(Decimal(impact["qty"])))] if Decimal(impact["qty"]) else []),
        *([Fact("value", worth)] if worth else []),
    )


def _fields(payload: Mapping[str, Any], sets: Sequence[str]) -> tuple[EditableField, ...]:
    names = [name for name in (sets or payload) if name in payload and not isinstance(payload[name], list | dict)]
    return tuple(EditableField(name, _text(payload[name]), type(payload[name]).__name__) for name in names)


def _facts(values: Mapping[str, Any]) -> tuple[Fact, ...]:
    there = {name: value for name, value in values.items() if value is not None and value != ""}
    return tuple(Fact(name.replace("_", " "), shown(_text(value))) for name, value in there.items())


def _value(value: Any) -> str | None:
    return None if value is None else shown(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
