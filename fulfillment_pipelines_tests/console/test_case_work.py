"""What people do to a case on its page: each answers with the page and a message, and nothing is overwritten unseen."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.domain.case import Case, CaseState
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.ledger.case_links import links_of
from fulfillment_pipelines.ledger.case_trail import audit_rows_of
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.readings import CaseFile, CaseFilter, list_cases, show_case
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope, engaged_switches
from fulfillment_pipelines_tests.console.conftest import Visitor


def file_of(console: Console, case_id: str) -> CaseFile:
    """Return a case with its corrections."""
    with console.reading() as work:
        file = show_case(work, case_id)
    assert file is not None
    return file


@pytest.fixture
def case(console: Console) -> Case:
    """A case of Billing that waits for somebody's approval."""
    wanted = CaseFilter(codes=frozenset({"FIN-02"}), states=frozenset({CaseState.PENDING_APPROVAL}))
    with console.reading() as work:
        return list_cases(work, wanted)[0]


@pytest.fixture
def proposal(console: Console, case: Case) -> CorrectionRecord:
    """The correction that waits."""
    return file_of(console, case.case_id).corrections[-1].correction


def seen(browser: TestClient, case: Case) -> str:
    """Return what the forms of the page carry as the last event the reader has seen."""
    found = re.search(r'name="seen" value="(\d+)"', browser.get(f"/cases/{case.case_id}").text)
    assert found
    return found[1]


def post(browser: TestClient, case: Case, act: str, data: Mapping[str, str]) -> Response:
    """Send a form of the page."""
    return browser.post(f"/cases/{case.case_id}/{act}", data=dict(data))


def done(answer: Response, browser: TestClient) -> str:
    """Return the page to which a form has led."""
    assert answer.status_code == 303, answer.text
    return browser.get(answer.headers["location"]).text


def test_who_takes_a_case_has_it_and_is_told_so(console: Console, visitor: Visitor, case: Case) -> None:
    browser = visitor("ada")
    page = done(post(browser, case, "take", {"seen": seen(browser, case)}), browser)
    assert "The case is yours." in page
    assert file_of(console, case.case_id).case.assignee == "ada"


def test_the_second_of_two_people_is_told_and_overwrites_nothing(
    console: Console, visitor: Visitor, case: Case
) -> None:
    ada, ben = visitor("ada"), visitor("ben")
    known_to_both = seen(ada, case)
    done(post(ada, case, "take", {"seen": known_to_both}), ada)
    answer = post(ben, case, "assign", {"seen": known_to_both, "to": "grace", "reason": "she knows the customer"})
    assert answer.status_code == 409
    assert "has moved since you looked at it, so nothing was changed" in answer.text
    assert "she knows the customer" in answer.text
    assert file_of(console, case.case_id).case.assignee == "ada"


def test_who_is_of_another_team_does_not_work_on_it(visitor: Visitor, case: Case) -> None:
    farah = visitor("farah")
    page = farah.get(f"/cases/{case.case_id}").text
    assert "Only Billing works on it" in page
    assert "/take" not in page
    assert post(farah, case, "take", {"seen": "0"}).status_code == 403


def test_a_case_is_handed_over_with_a_reason_and_not_without_one(
    console: Console, visitor: Visitor, case: Case
) -> None:
    browser = visitor("ada")
    refused = post(browser, case, "assign", {"seen": seen(browser, case), "to": "grace", "reason": " "})
    assert refused.status_code == 409
    page = done(
        post(browser, case, "assign", {"seen": seen(browser, case), "to": "grace", "reason": "holiday"}), browser
    )
    assert "The case was handed over." in page
    assert file_of(console, case.case_id).case.assignee == "grace"


def test_what_is_said_stands_on_the_page_and_in_the_history(console: Console, visitor: Visitor, case: Case) -> None:
    jonas = visitor("jonas")
    page = done(post(jonas, case, "comment", {"text": "The customer has called twice."}), jonas)
    assert page.count("The customer has called twice.") >= 2
    assert file_of(console, case.case_id).history[-1].note == "The customer has called twice."


def test_a_case_is_put_off_and_goes_on(console: Console, visitor: Visitor, case: Case) -> None:
    browser, until = visitor("ada"), console.now() + timedelta(days=1)
    form = {"until": f"{until:%Y-%m-%dT%H:%M}", "reason": "the period closes tomorrow"}
    page = done(post(browser, case, "snooze", {"seen": seen(browser, case), **form}), browser)
    assert "Put off until" in page
    assert file_of(console, case.case_id).case.suppressed_until == until.replace(second=0, microsecond=0)
    page = done(post(browser, case, "resume", {"seen": seen(browser, case)}), browser)
    assert "The case goes on." in page


def test_a_moment_that_is_none_is_told_and_what_was_typed_is_kept(visitor: Visitor, case: Case) -> None:
    browser = visitor("ada")
    form = {"seen": seen(browser, case), "until": "soon", "reason": "the period closes"}
    answer = post(browser, case, "snooze", form)
    assert answer.status_code == 422
    assert "The moment cannot be read." in answer.text
    assert "the period closes" in answer.text


def test_a_case_waits_for_somebody_outside_and_its_clock_stands_still(visitor: Visitor, case: Case) -> None:
    browser = visitor("ada")
    form = {"seen": seen(browser, case), "on_whom": "the carrier", "reason": "proof of delivery"}
    page = done(post(browser, case, "wait", form), browser)
    assert "clock stands still" in page


def test_a_linked_record_is_shown_as_its_system_has_it(console: Console, visitor: Visitor, case: Case) -> None:
    known = console.platform.warehouse.query("select system, case_id, case_type from canon_customer_cases").to_pylist()[
        0
    ]
    browser = visitor("ada")
    page = done(post(browser, case, "link", {"system": known["system"], "reference": known["case_id"]}), browser)
    linked = page.partition('id="links-title"')[2].partition("</section>")[0]
    assert known["case_id"] in linked
    assert known["case_type"] in linked
    with console.reading() as work:
        assert [one.reference for one in links_of(work, case.case_id)] == [known["case_id"]]


def test_an_approval_is_sent_next_and_the_audit_log_has_the_request(
    console: Console, visitor: Visitor, case: Case, proposal: CorrectionRecord
) -> None:
    browser = visitor("ada")
    form = {"seen": seen(browser, case), "reason": "counted with the customer"}
    answer = post(browser, case, f"corrections/{proposal.correction_id}/approve", form)
    page = done(answer, browser)
    assert "Approved." in page
    after = file_of(console, case.case_id).corrections[-1].correction
    assert (after.state, after.decided_by) == (CorrectionState.APPROVED, "ada")
    with console.reading() as work:
        row = next(one for one in audit_rows_of(work, [proposal.correction_id]) if one.action == "correction.approved")
    assert (row.reason, row.request_id) == ("counted with the customer", answer.headers["X-Request-ID"])
    assert row.request_id[:12] in page


def test_who_has_not_the_role_is_refused_on_the_page(
    console: Console, visitor: Visitor, case: Case, proposal: CorrectionRecord
) -> None:
    browser = visitor("farah")
    form = {"seen": seen(browser, case), "reason": "looks fine"}
    answer = post(browser, case, f"corrections/{proposal.correction_id}/approve", form)
    assert answer.status_code == 409
    assert "farah has not the role billing.lead" in answer.text
    assert file_of(console, case.case_id).corrections[-1].correction.state is CorrectionState.PENDING


def test_a_rejected_correction_goes_back_to_people(
    console: Console, visitor: Visitor, case: Case, proposal: CorrectionRecord
) -> None:
    browser = visitor("ben")
    form = {"seen": seen(browser, case), "reason": "the customer keeps them"}
    page = done(post(browser, case, f"corrections/{proposal.correction_id}/reject", form), browser)
    assert "Rejected." in page
    assert file_of(console, case.case_id).corrections[-1].correction.state is CorrectionState.REJECTED


def test_who_edits_a_correction_does_not_approve_it(
    console: Console, visitor: Visitor, case: Case, proposal: CorrectionRecord
) -> None:
    ada = visitor("ada")
    page = ada.get(f"/cases/{case.case_id}").text
    name = re.search(r'name="set\.(\w+_qty)"', page)
    assert name
    form = {"seen": seen(ada, case), f"set.{name[1]}": "1.0000", "reason": "only one was broken"}
    page = done(post(ada, case, f"corrections/{proposal.correction_id}/edit", form), ada)
    assert "waits for somebody else to approve it" in page
    assert "ada proposed it" in page
    newest = max((one.correction for one in file_of(console, case.case_id).corrections), key=lambda one: one.version)
    assert (newest.version, json.loads(newest.payload)[name[1]]) == (2, "1.0000")


def test_nobody_approves_a_version_that_was_replaced_meanwhile(
    visitor: Visitor, case: Case, proposal: CorrectionRecord
) -> None:
    ada, ben = visitor("ada"), visitor("ben")
    known_to_both = seen(ada, case)
    name = re.search(r'name="set\.(\w+_qty)"', ada.get(f"/cases/{case.case_id}").text)
    assert name
    form = {"seen": known_to_both, f"set.{name[1]}": "1.0000", "reason": "only one was broken"}
    done(post(ada, case, f"corrections/{proposal.correction_id}/edit", form), ada)
    late = {"seen": known_to_both, "reason": "looks fine"}
    answer = post(ben, case, f"corrections/{proposal.correction_id}/approve", late)
    assert answer.status_code == 409
    assert "it was withdrawn: edited by ada: only one was broken" in answer.text


def test_a_correction_of_another_case_is_not_decided_on_here(
    console: Console, visitor: Visitor, case: Case, proposal: CorrectionRecord
) -> None:
    with console.reading() as work:
        other = next(one for one in list_cases(work, CaseFilter(only_open=True)) if one.case_id != case.case_id)
    ada = visitor("ada")
    form = {"seen": seen(ada, other), "reason": "looks fine"}
    assert post(ada, other, f"corrections/{proposal.correction_id}/approve", form).status_code == 404


def test_anybody_who_may_stops_a_case_and_the_page_says_so(console: Console, visitor: Visitor, case: Case) -> None:
    farah = visitor("farah")
    page = done(post(farah, case, "stop", {"reason": "the feed looks wrong"}), farah)
    assert "by farah: the feed looks wrong" in page
    assert "a kill switch is engaged for case" in page
    with console.reading() as work:
        assert KillSwitch(SwitchScope.CASE, case.case_id) in engaged_switches(work)
