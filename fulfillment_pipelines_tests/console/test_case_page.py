"""The page of a case: what it tells, to whom, and what happens when the lake does not answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.domain.case import Case, CaseState
from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.exceptions.working import noting
from fulfillment_pipelines.explanation.questions import Questions
from fulfillment_pipelines.ledger.readings import CaseFilter, list_cases
from fulfillment_pipelines_tests.console.conftest import Visitor

CaseOf = Callable[..., Case]


@pytest.fixture
def case_of(console: Console) -> CaseOf:
    """Return a function that gives the first case of a code, of a state where one is named."""

    def find(code: str, state: CaseState | None = None) -> Case:
        wanted = CaseFilter(codes=frozenset({code}), states=frozenset({state}) if state else frozenset())
        with console.reading() as work:
            return list_cases(work, wanted)[0]

    return find


def words_of(page: str) -> str:
    """Return what a page says, without its markup."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def test_every_case_of_the_distributor_has_a_page_with_its_evidence(console: Console, visitor: Visitor) -> None:
    browser = visitor("ada")
    with console.reading() as work:
        cases = {case.code: case for case in list_cases(work)}.values()
    pages = {case.code: browser.get(f"/cases/{case.case_id}") for case in cases}
    assert len(pages) > 20
    assert {code: page.status_code for code, page in pages.items() if page.status_code != 200} == {}
    assert [code for code, page in pages.items() if "cannot be read now" in page.text] == []


def test_the_page_says_what_is_wrong_and_marks_where_the_systems_differ(visitor: Visitor, case_of: CaseOf) -> None:
    case = case_of("FIN-02", CaseState.PENDING_APPROVAL)
    page = visitor("ada").get(f"/cases/{case.case_id}").text
    heading = words_of(page.partition("<h1>")[2].partition("</h1>")[0])
    assert re.fullmatch(r"\d+ units of SO-\d+/\d left \w+, but \d+ went on invoices: \d+ too many\.", heading)
    marked = [words_of(cell) for cell in re.findall(r'<td class="number differs">(.*?)</td>', page, re.DOTALL)]
    assert [re.sub(r"\D", "", cell) for cell in marked] == [
        re.sub(r"\D.*", "", case.expected_value),
        re.sub(r"\D.*", "", case.actual_value),
    ]


def test_each_value_is_shown_with_the_snapshot_in_which_it_was_said_and_when_that_was_read(
    visitor: Visitor, case_of: CaseOf
) -> None:
    case = case_of("FIN-02", CaseState.PENDING_APPROVAL)
    page = visitor("ada").get(f"/cases/{case.case_id}").text
    assert len(set(re.findall(r'title="snapshot (\d{8}T\d{12}Z-[0-9a-f]{12})"', page))) >= 2
    read = page.partition('<th scope="row">Read</th>')[2].partition("</tr>")[0]
    assert "<time" in read


def test_a_system_that_has_no_record_is_named(visitor: Visitor, case_of: CaseOf) -> None:
    case = case_of("SHP-06", CaseState.PENDING_APPROVAL)
    page = words_of(visitor("ada").get(f"/cases/{case.case_id}").text)
    assert f"nothing said wms_{case.node.lower()} has no such record." in page


def test_the_page_says_why_it_is_not_just_timing(visitor: Visitor, case_of: CaseOf) -> None:
    case = case_of("SHP-01", CaseState.RESOLVED)
    page = words_of(visitor("ada").get(f"/cases/{case.case_id}").text)
    assert "Why this is not just timing DIFFER" in page
    assert re.search(r"It has stood for .*?Of \d+ that followed by themselves here, 99 % took no longer than", page)


def test_the_page_of_a_cured_case_names_the_reading_that_proved_it(visitor: Visitor, case_of: CaseOf) -> None:
    case = case_of("FIN-01", CaseState.VERIFIED)
    page = words_of(visitor("ada").get(f"/cases/{case.case_id}").text)
    assert f"a later reading, of {case.proving_watermark_at:%Y-%m-%d %H:%M} UTC, shows no difference any more" in page


def test_the_proposed_correction_is_told_with_all_that_is_to_be_known_before_signing(
    visitor: Visitor, case_of: CaseOf
) -> None:
    case = case_of("FIN-02", CaseState.PENDING_APPROVAL)
    page = words_of(visitor("ada").get(f"/cases/{case.case_id}").text)
    for part in (
        "Proposed correction credit.propose → finance",
        "How it is undone by no message finance discards the draft",
        "APR-BILLING billing answers for what customers are charged",
        "AUTH-CREDIT-PROPOSE",
        f"orders {case.order_id}",
        "Needs 1 x billing.lead May approve now Ada Lindqvist, Ben Okafor",
        "Content sha256",
    ):
        assert part in page, part


def test_who_may_not_approve_is_told_why_and_who_may(visitor: Visitor, case_of: CaseOf) -> None:
    case = case_of("FIN-02", CaseState.PENDING_APPROVAL)
    page = words_of(visitor("farah").get(f"/cases/{case.case_id}").text)
    assert "Why not you farah has not the role billing.lead: ask somebody with the role billing.lead: ada, ben" in page


def test_who_may_not_see_corrections_sees_the_case_without_them(
    console: Console, visitor: Visitor, case_of: CaseOf
) -> None:
    hugo = console.policies.people.get("hugo")
    assert hugo is not None
    people = {one.id: one for one in console.policies.people.everybody}
    people["hugo"] = hugo.model_copy(update={"access": frozenset({"viewer"})})
    console.policies.people._by_id = people
    case = case_of("FIN-02", CaseState.PENDING_APPROVAL)
    page = visitor("hugo").get(f"/cases/{case.case_id}").text
    assert "credit.propose" not in page
    assert "<form" not in page.partition("<main")[2].partition("</main>")[0]
    assert "Audit log" not in page


def test_without_the_lake_the_page_says_so_and_shows_what_the_ledger_knows(
    visitor: Visitor, case_of: CaseOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> None:
        raise RetryableError("The lake is busy.", remedy="try again")

    monkeypatch.setattr(Questions, "ask", busy)
    case = case_of("FIN-02", CaseState.PENDING_APPROVAL)
    browser = visitor("ada")
    page = browser.get(f"/cases/{case.case_id}")
    assert page.status_code == 200
    assert "The evidence cannot be read now. The lake is busy." in words_of(page.text)
    assert "credit.propose" in page.text
    assert "part is missing: The lake is busy." in words_of(browser.get(f"/cases/{case.case_id}/timeline").text)


def test_the_timeline_of_the_page_tells_systems_and_ledger_in_one_order_of_time(
    visitor: Visitor, case_of: CaseOf
) -> None:
    case = case_of("FIN-02", CaseState.PENDING_APPROVAL)
    piece = visitor("ada").get(f"/cases/{case.case_id}/timeline", headers={"HX-Request": "true"}).text
    assert "<html" not in piece
    times = re.findall(r'<span class="at"><time datetime="([^"]+)"', piece)
    assert times == sorted(times)
    told = words_of(piece)
    for what in ("Order accepted erp", "Left the site wms_", "Invoice posted finance", "The difference became true"):
        assert what in told
    assert told.index("Left the site") < told.index("The difference became true") < told.index("Correction proposed")


def test_the_timeline_of_a_line_leaves_the_other_lines_out(visitor: Visitor, case_of: CaseOf) -> None:
    case = case_of("FIN-02", CaseState.PENDING_APPROVAL)
    line_no = case.business_key.rpartition("/")[2]
    browser = visitor("ada")
    piece = words_of(browser.get(f"/cases/{case.case_id}/timeline", headers={"HX-Request": "true"}).text)
    whole = words_of(browser.get(f"/cases/{case.case_id}/timeline").text)
    lines = set(re.findall(r"\bline (\d+)", piece))
    assert lines == {line_no}
    assert len(set(re.findall(r"\blines? (\d+)", whole))) > 1


def test_a_case_that_does_not_exist_is_not_there(visitor: Visitor) -> None:
    answer = visitor("ada").get("/cases/EXC-0000000000000000")
    assert answer.status_code == 404
    assert "There is no case EXC-0000000000000000." in answer.text


def test_what_people_write_cannot_become_markup(console: Console, visitor: Visitor, case_of: CaseOf) -> None:
    case = case_of("FIN-02", CaseState.PENDING_APPROVAL)
    with console.deciding("test") as work:
        noting.comment(work, case.case_id, "<script>alert(1)</script>", by="ada", now=console.now())
        work.commit()
    page = visitor("ada").get(f"/cases/{case.case_id}").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_page_shows_no_style_and_no_script_of_its_own(visitor: Visitor, case_of: CaseOf) -> None:
    case = case_of("FIN-02", CaseState.PENDING_APPROVAL)
    page = visitor("ada").get(f"/cases/{case.case_id}").text
    assert not re.search(r"\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)
