"""What people do to a case: each leaves the case, its history and the audit log saying the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.domain.case import Case, CaseEventKind, CaseState, RuleRun
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import BadDataError, FulfillmentError, LegalMoveError, RejectedError
from fulfillment_pipelines.exceptions.intake import CasePolicy, IntakeResult, intake
from fulfillment_pipelines.exceptions.working.noting import comment, link
from fulfillment_pipelines.exceptions.working.pausing import resume, snooze, wait_for_external
from fulfillment_pipelines.exceptions.working.taking import assign, take
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.audit_archive import archiving
from fulfillment_pipelines.ledger.case_links import links_of
from fulfillment_pipelines.ledger.cases import cases_by_id, last_event_id, update_cases
from fulfillment_pipelines.ledger.readings import CaseFile, show_case
from fulfillment_pipelines.ledger.retention import erase_cases
from fulfillment_pipelines.ledger.unit_of_work import Ledger

FindingMaker = Callable[..., Finding]
HOUR = timedelta(hours=1)
S = CaseState


class Bench:
    """One open case, and what is done to it, each time in a transaction of its own."""

    def __init__(self, ledger: Ledger, policy: CasePolicy, finding: Finding, at: datetime) -> None:
        self.ledger, self.policy, self.finding, self.at = ledger, policy, finding, at
        (self.case_id,) = self.take_in(at).opened

    def take_in(self, at: datetime, *, seen: bool = True, revisited: frozenset[str] | None = None) -> IntakeResult:
        findings = [replace(self.finding, watermark_at=at)] if seen else []
        runs = [RuleRun("FIN-01", None, at, trustworthy=True)]
        with self.ledger.unit_of_work("request-1") as work:
            result = intake(work, findings, runs, policy=self.policy, now=at, revisited=revisited)
            work.commit()
        return result

    def do(self, command: Callable[..., Case], *arguments: object, **named: object) -> Case:
        with self.ledger.unit_of_work("request-1") as work:
            case = command(work, self.case_id, *arguments, **{"by": "ada", "now": self.at, **named})
            work.commit()
        return case

    def put(self, **changes: object) -> None:
        with self.ledger.unit_of_work() as work:
            update_cases(work, [replace(cases_by_id(work, [self.case_id])[self.case_id], **changes)])  # type: ignore[arg-type]
            work.commit()

    @property
    def file(self) -> CaseFile:
        with self.ledger.reading() as work:
            found = show_case(work, self.case_id)
        assert found is not None
        return found

    @property
    def last_event(self) -> int:
        with self.ledger.reading() as work:
            return last_event_id(work, self.case_id)

    @property
    def audited(self) -> list[tuple[str, str, str, str]]:
        with self.ledger.reading() as work:
            return [
                (row.action, row.actor, row.reason, row.detail)
                for row in audit.read_rows(work)
                if row.subject == self.case_id
            ]


@pytest.fixture
def bench(sqlite_ledger: Ledger, case_policy: CasePolicy, make_finding: FindingMaker, noon: datetime) -> Bench:
    """An open case of the team billing."""
    return Bench(sqlite_ledger, case_policy, make_finding(), noon)


def test_who_takes_a_case_has_it_and_has_acknowledged_it(bench: Bench) -> None:
    case = bench.do(take)
    assert (case.state, case.assignee, case.acked_at) == (S.IN_PROGRESS, "ada", bench.at)
    assert bench.file.case == case
    said = bench.file.history[-1]
    assert (said.event, said.actor, said.from_state, said.to_state) == (
        CaseEventKind.TAKEN,
        "ada",
        S.OPEN,
        S.IN_PROGRESS,
    )
    ((action, actor, _, detail),) = bench.audited
    assert (action, actor) == ("exception.taken", "ada")
    assert '"request_id":"request-1"' in detail


def test_a_case_that_is_taken_twice_by_the_same_person_is_recorded_once(bench: Bench) -> None:
    assert bench.do(take) == bench.do(take, now=bench.at + HOUR)
    assert len(bench.audited) == 1


def test_nobody_takes_what_somebody_else_has(bench: Bench) -> None:
    bench.do(take)
    with pytest.raises(LegalMoveError, match="ada's already"):
        bench.do(take, by="ben")
    assert bench.file.case.assignee == "ada"


def test_a_later_taking_does_not_make_the_acknowledgement_later(bench: Bench, policies: Policies) -> None:
    bench.do(take)
    bench.do(assign, None, reason="holiday", people=policies.people)
    assert bench.do(take, by="ben", now=bench.at + HOUR).acked_at == bench.at


def test_a_case_is_handed_to_a_person_and_back_to_the_queue(bench: Bench, policies: Policies) -> None:
    given = bench.do(assign, "ben", reason="knows the carrier", people=policies.people)
    assert (given.state, given.assignee, given.acked_at) == (S.ASSIGNED, "ben", None)
    back = bench.do(assign, None, reason="is ill", people=policies.people)
    assert (back.state, back.assignee) == (S.OPEN, None)
    assert [row[:3] for row in bench.audited] == [
        ("exception.assigned", "ada", "knows the carrier"),
        ("exception.assigned", "ada", "is ill"),
    ]


@pytest.mark.parametrize(("to", "reason"), [("karl", "why not"), ("nobody", "why not"), ("ben", "  \x00 ")])
def test_a_case_goes_to_nobody_who_is_not_here_and_not_without_a_reason(
    bench: Bench, policies: Policies, to: str, reason: str
) -> None:
    with pytest.raises(RejectedError):
        bench.do(assign, to, reason=reason, people=policies.people)
    assert (bench.file.case.assignee, bench.audited) == (None, [])


@pytest.mark.parametrize("state", [S.PENDING_APPROVAL, S.CORRECTION_SENT, S.WAITING_EXTERNAL, S.RESOLVED])
def test_what_is_under_way_goes_on_whoever_has_the_case(bench: Bench, policies: Policies, state: CaseState) -> None:
    bench.put(state=state)
    assert bench.do(take).state is state
    assert bench.do(assign, "ben", reason="hers", people=policies.people).state is state


@pytest.mark.parametrize("command", [take, comment, link, wait_for_external, snooze, assign, resume])
def test_a_case_that_moved_since_it_was_seen_is_left_alone(bench: Bench, policies: Policies, command: object) -> None:
    seen = bench.last_event
    bench.do(comment, "the carrier called", by="ben")
    before = (bench.file, bench.audited)
    with pytest.raises(LegalMoveError, match="moved since you looked"):
        _do(bench, command, policies, seen=seen)
    assert (bench.file, bench.audited) == before


@pytest.mark.parametrize("command", [take, wait_for_external, snooze, assign, resume])
def test_nothing_but_words_is_added_to_a_case_that_has_ended(bench: Bench, policies: Policies, command: object) -> None:
    bench.take_in(bench.at + HOUR, seen=False)
    with pytest.raises(LegalMoveError):
        _do(bench, command, policies)
    assert bench.do(comment, "it was the holiday").closed_at is not None


@pytest.mark.parametrize("command", [take, comment, link, wait_for_external, snooze, assign, resume])
def test_a_case_that_does_not_exist_is_told(bench: Bench, policies: Policies, command: object) -> None:
    bench.case_id = "EXC-0000000000000000"
    with pytest.raises(BadDataError, match="no case"):
        _do(bench, command, policies)


def _do(bench: Bench, command: object, policies: Policies, **named: object) -> None:
    arguments: dict[object, tuple[tuple[object, ...], dict[str, object]]] = {
        take: ((), {}),
        comment: (("words",), {}),
        link: (("crm", "C-1"), {}),
        wait_for_external: (("the carrier",), {"reason": "a claim"}),
        snooze: ((bench.at + HOUR,), {"reason": "later", "sla": bench.policy.sla}),
        assign: (("ben",), {"reason": "hers", "people": policies.people}),
        resume: ((), {}),
    }
    positional, keywords = arguments[command]
    bench.do(command, *positional, **keywords, **named)  # type: ignore[arg-type]


def test_a_comment_is_kept_in_the_history_and_its_words_not_in_the_audit_log(bench: Bench) -> None:
    bench.do(comment, "Called the customer:\r\n\x07she agrees ✓")
    said = bench.file.history[-1]
    assert (said.event, said.note) == (CaseEventKind.COMMENTED, "Called the customer:\nshe agrees ✓")
    ((action, _, reason, detail),) = bench.audited
    assert (action, reason) == ("exception.commented", "")
    assert "customer" not in detail


@pytest.mark.parametrize("text", ["", " \n ", "x" * 4001])
def test_a_comment_says_something_and_not_a_book(bench: Bench, text: str) -> None:
    with pytest.raises(RejectedError):
        bench.do(comment, text)
    assert bench.audited == []


def test_a_record_of_another_system_is_linked_once(bench: Bench) -> None:
    for reference in ("CS-77", "CS-77", "CS-78"):
        bench.do(link, "crm", reference)
    with bench.ledger.reading() as work:
        links = links_of(work, bench.case_id)
    assert [(known.system, known.reference, known.linked_by) for known in links] == [
        ("crm", "CS-77", "ada"),
        ("crm", "CS-78", "ada"),
    ]
    assert [row[0] for row in bench.audited] == ["exception.linked", "exception.linked"]


@pytest.mark.parametrize(("system", "reference"), [("CRM!", "C-1"), ("", "C-1"), ("crm", "x" * 256), ("crm", "a\nb")])
def test_what_cannot_be_a_link_is_refused(bench: Bench, system: str, reference: str) -> None:
    with pytest.raises(RejectedError):
        bench.do(link, system, reference)


def test_links_go_with_their_case(bench: Bench) -> None:
    bench.do(link, "crm", "CS-77")
    with bench.ledger.unit_of_work() as work:
        with archiving(work):
            assert erase_cases(work, [bench.case_id]).cases == 1
        work.commit()
    with bench.ledger.reading() as work:
        assert links_of(work, bench.case_id) == []


def test_a_case_that_is_put_off_wakes_when_its_time_has_come_and_not_before(bench: Bench) -> None:
    until = bench.at + 3 * HOUR
    asleep = bench.do(snooze, until, reason="the site is closed", sla=bench.policy.sla)
    assert (asleep.state, asleep.suppressed_until) == (S.SUPPRESSED, until)
    bench.take_in(until - timedelta(seconds=1))
    assert bench.file.case.state is S.SUPPRESSED
    # Nothing of it is looked at again in this pass: it wakes all the same.
    bench.take_in(until, seen=False, revisited=frozenset())
    assert (bench.file.case.state, bench.file.case.suppressed_until) == (S.OPEN, None)
    said = bench.file.history[-1]
    assert (said.event, said.actor, said.from_state, said.to_state) == (
        CaseEventKind.RESUMED,
        "calendar",
        S.SUPPRESSED,
        S.OPEN,
    )


def test_on_each_database_a_case_lives_through_all_of_it(
    ledger: Ledger, case_policy: CasePolicy, policies: Policies, make_finding: FindingMaker, noon: datetime
) -> None:
    bench = Bench(ledger, case_policy, make_finding(), noon)
    bench.do(take, seen=bench.last_event)
    bench.do(comment, "looks odd")
    bench.do(link, "crm", "CS-1")
    bench.do(wait_for_external, "the carrier", reason="a claim")
    bench.do(resume, now=noon + HOUR)
    bench.do(assign, "ben", reason="knows them", people=policies.people)
    bench.do(snooze, noon + 2 * HOUR, reason="the site is closed", sla=case_policy.sla)
    bench.take_in(noon + 3 * HOUR)
    assert (bench.file.case.state, bench.file.case.assignee) == (S.ASSIGNED, "ben")
    assert [event.event.name for event in bench.file.history] == [
        "OPENED",
        "TAKEN",
        "COMMENTED",
        "LINKED",
        "PAUSED",
        "RESUMED",
        "ASSIGNED",
        "SUPPRESSED",
        "RESUMED",
    ]


def test_a_case_that_wakes_is_with_who_had_it(bench: Bench) -> None:
    bench.do(take)
    bench.do(snooze, bench.at + HOUR, reason="later", sla=bench.policy.sla)
    bench.take_in(bench.at + 2 * HOUR)
    assert (bench.file.case.state, bench.file.case.assignee) == (S.ASSIGNED, "ada")


def test_a_case_that_is_cured_in_its_sleep_does_not_wake(bench: Bench) -> None:
    bench.do(snooze, bench.at + 2 * HOUR, reason="later", sla=bench.policy.sla)
    bench.take_in(bench.at + HOUR, seen=False)
    bench.take_in(bench.at + 3 * HOUR, seen=False)
    assert bench.file.case.state is S.AUTO_CLEARED


@pytest.mark.parametrize("hours", [-1, 0, 14 * 24 + 1])
def test_a_case_is_put_off_until_a_moment_to_come_and_not_for_ever(bench: Bench, hours: int) -> None:
    with pytest.raises(RejectedError, match="14 days"):
        bench.do(snooze, bench.at + hours * HOUR, reason="later", sla=bench.policy.sla)
    assert bench.file.case.state is S.OPEN


def test_what_was_sent_for_a_case_is_not_put_off(bench: Bench) -> None:
    bench.put(state=S.CORRECTION_SENT)
    with pytest.raises(LegalMoveError):
        bench.do(snooze, bench.at + HOUR, reason="later", sla=bench.policy.sla)


def test_the_clock_stands_still_while_somebody_outside_is_waited_for(bench: Bench) -> None:
    due = bench.file.case.fix_due_at
    bench.do(take)
    waiting = bench.do(wait_for_external, "the carrier", reason="claim 4711")
    assert waiting.state is S.WAITING_EXTERNAL
    assert bench.file.history[-1].note == "for the carrier: claim 4711"
    resumed = bench.do(resume, now=bench.at + 5 * HOUR, reason="they paid")
    assert (resumed.state, resumed.fix_due_at - due) == (S.ASSIGNED, 5 * HOUR)
    assert (bench.file.history[-1].event, bench.file.history[-1].note) == (CaseEventKind.RESUMED, "they paid")


def test_a_case_that_was_put_off_goes_on_without_a_later_deadline(bench: Bench) -> None:
    due = bench.file.case.fix_due_at
    bench.do(snooze, bench.at + 5 * HOUR, reason="later", sla=bench.policy.sla)
    resumed = bench.do(resume, now=bench.at + HOUR)
    assert (resumed.state, resumed.suppressed_until, resumed.fix_due_at) == (S.OPEN, None, due)


def test_what_waits_for_nothing_is_not_resumed(bench: Bench) -> None:
    with pytest.raises(LegalMoveError, match="waits for nothing"):
        bench.do(resume)


def test_whatever_is_refused_leaves_nothing_behind_for_the_rest_of_the_transaction(bench: Bench) -> None:
    bench.do(take, by="ben")
    with bench.ledger.unit_of_work() as work:
        for by in ("ada", "ben"):
            try:
                take(work, bench.case_id, by=by, now=bench.at + HOUR)
            except FulfillmentError:
                comment(work, bench.case_id, f"{by} was refused", by=by, now=bench.at)
        work.commit()
    assert [event.note for event in bench.file.history[1:]] == ["taken by ben", "ada was refused"]
    with bench.ledger.reading() as work:
        audit.verify(work).require_intact()
