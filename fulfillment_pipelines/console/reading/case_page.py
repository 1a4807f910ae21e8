"""Everything that the page of one case shows, read once: from the ledger always, from the lake where it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from fulfillment_pipelines.console.access.guard import Actor
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.case_corrections import Reader, ToldCorrection, tell_corrections
from fulfillment_pipelines.console.reading.case_evidence import (
    Evidence,
    RecordTable,
    keys_of,
    read_evidence,
    record_table,
)
from fulfillment_pipelines.console.reading.case_timeline import Moment, case_words, moments_of, read_life
from fulfillment_pipelines.console.reading.case_timing import Timing, read_timing, untried, verdict_words
from fulfillment_pipelines.console.reading.case_words import at_stake, sentence_of, shown
from fulfillment_pipelines.console.reading.one_moment import asking
from fulfillment_pipelines.console.refusals import NotThereError
from fulfillment_pipelines.corrections.approving.people import Person
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.domain.case import Case, CaseEvent, CaseState
from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.explanation.questions import Questions
from fulfillment_pipelines.explanation.verdicts import Feed
from fulfillment_pipelines.ledger.case_links import CaseLink, links_of
from fulfillment_pipelines.ledger.case_trail import AuditRow, audit_rows_of
from fulfillment_pipelines.ledger.cases import last_event_id
from fulfillment_pipelines.ledger.readings import CaseFile, show_case
from fulfillment_pipelines.ledger.switches import EngagedSwitch, SwitchScope, engaged_since, subject_of
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.reconcile.rules import Rule

_PAUSED: Final = frozenset({CaseState.SUPPRESSED, CaseState.WAITING_EXTERNAL})
_CRM: Final = "crm"


@dataclass(frozen=True, slots=True)
class LinkedCase:
    """A record of another system that belongs to a case, with what the lake knows of it; None for nothing."""

    link: CaseLink
    known: RecordTable | None


@dataclass(frozen=True, slots=True)
class CaseActs:
    """What the reader may do to a case, as it stands.

    Attributes:
        may_work: Whether the reader works on cases of its team.
        may_comment: Whether the reader may say something.
        may_see_corrections: Whether the reader sees what is proposed.
        may_see_audit: Whether the reader sees the audit log.
        may_edit: Whether the reader may propose other content.
        may_decide: Whether the reader decides on corrections at all.
        may_replay: Whether the reader may send dead letters again.
        may_stop: Whether the reader may engage kill switches.
        is_paused: Whether it is put off or waits for somebody outside.
        is_mine: Whether the reader has it.
        longest_snooze_at: Until when it may be put off at most.
        people: To whom it may be handed.
        crm_systems: Systems of whom a case may be linked.
    """

    may_work: bool
    may_comment: bool
    may_see_corrections: bool
    may_see_audit: bool
    may_edit: bool
    may_decide: bool
    may_replay: bool
    may_stop: bool
    is_paused: bool
    is_mine: bool
    longest_snooze_at: datetime
    people: Sequence[Person]
    crm_systems: Sequence[str]


@dataclass(frozen=True, slots=True)
class CasePage:
    """One case for one reader.

    Attributes:
        case: The case.
        title: Of its rule.
        sentence: What is wrong, with numbers.
        at_stake: What it is worth, in words.
        expected: What the authority says, as it is read.
        actual: What the other system says, as it is read.
        assignee: The name of who has it; empty for nobody.
        now: The moment it speaks of.
        seen: The last event of the case, which forms carry so that nothing is overwritten unseen.
        evidence: What the systems say; None where the lake does not answer.
        timing: Why it is not just timing; None where the lake does not answer.
        timing_words: The same in one sentence.
        lake_problem: Why the lake does not answer; None where it does.
        corrections: What is proposed or was done.
        parent: The case of the common root cause.
        file: Its history, and the cases that it causes.
        moments: What the ledger knows of it, in the order of time.
        links: Records of other systems that belong to it.
        audit: What the audit log says of it and its corrections, the latest first; empty for who may not see it.
        history: What happened to it, each in words, the latest first.
        switches: Kill switches that cover it.
        acts: What the reader may do.
        message: What was done just now; empty for nothing.
        refusal: Why what was asked for was not done; None where nothing was.
        typed: What the reader had typed, by field.
    """

    case: Case
    title: str
    sentence: str
    at_stake: str
    expected: str
    actual: str
    assignee: str
    now: datetime
    seen: int
    evidence: Evidence | None
    timing: Timing | None
    timing_words: str
    lake_problem: FulfillmentError | None
    corrections: tuple[ToldCorrection, ...]
    parent: Case | None
    file: CaseFile
    moments: tuple[Moment, ...]
    links: tuple[LinkedCase, ...]
    audit: Sequence[AuditRow]
    history: tuple[tuple[str, CaseEvent], ...]
    switches: Sequence[EngagedSwitch]
    acts: CaseActs
    message: str = ""
    refusal: FulfillmentError | None = None
    typed: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CaseTimeline:
    """The life of a case's order and the case itself; the problem of the lake where it does not answer."""

    case: Case
    moments: tuple[Moment, ...]
    lake_problem: FulfillmentError | None


def require_case(work: UnitOfWork, case_id: str) -> CaseFile:
    """Return a case.

    Raises:
        NotThereError: There is no such case.
    """
    file = show_case(work, case_id)
    if file is None:
        raise NotThereError(
            f"There is no case {case_id[:64]}.",
            expected="EXC- and 16 hexadecimal digits",
            found="no case of that identity",
            remedy="find it in the queue",
        )
    return file


def read_case_page(console: Console, actor: Actor, case_id: str) -> CasePage:
    """Return everything that the page of a case shows to a reader.

    Raises:
        NotThereError: There is no such case.
    """
    now = console.now()
    with console.reading() as work:
        page = _of_ledger(console, actor, work, require_case(work, case_id), now)
    return _with_lake(console, page)


def read_timeline(console: Console, actor: Actor, case_id: str, *, is_whole: bool) -> CaseTimeline:
    """Return what happened to a case and its order in all systems.

    Args:
        console: What is read.
        actor: Who reads it.
        case_id: The case.
        is_whole: Whether the other lines of the order are told too.

    Raises:
        NotThereError: There is no such case.
    """
    with console.reading() as work:
        file = _seen_by(actor, require_case(work, case_id))
    if not file.case.order_id:
        return CaseTimeline(file.case, moments_of((), file), None)
    try:
        with asking(console) as lake:
            rows = lake.questions.ask("evidence_orders", {"order_ids": [file.case.order_id]})
            channel_ids = sorted({row["channel_order_id"] for row in rows if row["channel_order_id"]})
            line_no = None if is_whole else keys_of(file.case, rule_of(console, file.case.code)).line_no
            life = read_life(lake.explanations, [file.case.order_id], channel_ids, line_no)
    except FulfillmentError as problem:
        return CaseTimeline(file.case, moments_of((), file), problem)
    return CaseTimeline(file.case, moments_of(life, file), None)


def rule_of(console: Console, code: str) -> Rule | None:
    """Return the rule of a code; None where it does not apply here."""
    return next((rule for rule in console.platform.reconciler.rules if rule.code == code), None)


def _of_ledger(console: Console, actor: Actor, work: UnitOfWork, file: CaseFile, now: datetime) -> CasePage:
    case, rule = file.case, rule_of(console, file.case.code)
    title = rule.title if rule else case.code
    acts = _acts(console, actor, case, now)
    roles = {name: declared.role.value for name, declared in console.platform.registry.declarations.items()}
    reader = Reader(actor.id, console.policies, roles, now)
    parent = show_case(work, case.parent_case_id) if case.parent_case_id else None
    covers = {(SwitchScope.EVERYTHING, ""), (SwitchScope.CASE, case.case_id), (SwitchScope.RULE, case.code)}
    proposed = [one.correction.correction_id for one in file.corrections] if acts.may_see_corrections else []
    subjects = [case.case_id, subject_of(SwitchScope.CASE, case.case_id), *proposed]
    holder = console.policies.people.get(case.assignee or "")
    return CasePage(
        case=case,
        title=title,
        sentence=sentence_of(case, title),
        at_stake=at_stake(case),
        expected=shown(case.expected_value),
        actual=shown(case.actual_value),
        assignee=holder.name if holder else (case.assignee or ""),
        now=now,
        seen=last_event_id(work, case.case_id),
        evidence=None,
        timing=None,
        timing_words="",
        lake_problem=None,
        corrections=tell_corrections(work, file, reader) if acts.may_see_corrections else (),
        parent=parent.case if parent else None,
        file=file,
        moments=moments_of((), _seen_by(actor, file)),
        links=tuple(LinkedCase(link, None) for link in links_of(work, case.case_id)),
        audit=audit_rows_of(work, subjects) if acts.may_see_audit else [],
        history=tuple((case_words(event), event) for event in reversed(file.history)),
        switches=[one for one in engaged_since(work) if (one.switch.scope, one.switch.name) in covers],
        acts=acts,
    )


def _seen_by(actor: Actor, file: CaseFile) -> CaseFile:
    """Return a case without its corrections for who may not see any."""
    sees = actor.may(Permission.CORRECTION_VIEW, file.case.owner)
    return file if sees else replace(file, corrections=())


def _with_lake(console: Console, page: CasePage) -> CasePage:
    case, rule = page.case, rule_of(console, page.case.code)
    try:
        with asking(console) as lake:
            asked = {"order_ids": [case.order_id] if case.order_id else []}
            feeds = [Feed(**row) for row in lake.explanations.ask("explain_feeds", asked)]
            timing = read_timing(lake.questions, case, rule, feeds, untried(console.platform.warehouse))
            evidence = read_evidence(lake.questions, case, rule, feeds)
            links = _known(lake.questions, page.links)
    except FulfillmentError as problem:
        return replace(page, lake_problem=problem)
    return replace(page, evidence=evidence, timing=timing, timing_words=verdict_words(timing), links=links)


def _known(questions: Questions, links: Sequence[LinkedCase]) -> tuple[LinkedCase, ...]:
    references = [one.link.reference for one in links]
    if not references:
        return ()
    rows = questions.ask("evidence_customer_cases", {"order_ids": [], "references": references})
    tables = {row["case_id"]: record_table("customer_cases", [row], {}) for row in rows}
    return tuple(LinkedCase(one.link, tables.get(one.link.reference)) for one in links)


def _acts(console: Console, actor: Actor, case: Case, now: datetime) -> CaseActs:
    team, people = case.owner, console.policies.people.everybody
    declarations = console.platform.registry.declarations
    return CaseActs(
        may_work=actor.may(Permission.CASE_WORK, team),
        may_comment=actor.may(Permission.CASE_COMMENT, team),
        may_see_corrections=actor.may(Permission.CORRECTION_VIEW, team),
        may_see_audit=actor.may(Permission.AUDIT_VIEW, team),
        may_edit=actor.may(Permission.CORRECTION_EDIT, team),
        may_decide=actor.may(Permission.CORRECTION_DECIDE, team),
        may_replay=actor.may(Permission.CORRECTION_REPLAY, team),
        may_stop=actor.may(Permission.SWITCH_ENGAGE, team),
        is_paused=case.state in _PAUSED,
        is_mine=case.assignee == actor.id,
        longest_snooze_at=now + console.platform.case_policy.sla.longest_snooze,
        people=sorted((one for one in people if one.active), key=lambda one: (team not in one.teams, one.name)),
        crm_systems=[name for name, declared in declarations.items() if declared.role.value == _CRM],
    )
