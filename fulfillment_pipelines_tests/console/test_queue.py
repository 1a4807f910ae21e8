"""The queue: its pages, filters, views, searches and exports, as a browser gets them."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.queue_asked import asked_of
from fulfillment_pipelines.console.reading.queue_export import harmless
from fulfillment_pipelines.domain.case import Case, CaseState
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.ledger.case_queue import QueueFilter, QueueSort, cases_of, read_page
from fulfillment_pipelines.ledger.cases import insert_cases, update_cases
from fulfillment_pipelines_tests.lived_console import Visitor

_HERE = re.compile(r'<tr data-row id="row-(EXC-[0-9a-f]{16})">')
_NEXT = re.compile(r'rel="next" href="([^"]+)"')
_PREVIOUS = re.compile(r'rel="prev" href="([^"]+)"')


class _Tags(HTMLParser):
    """Every element of a page, by name and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def _tags(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Tags()
    parser.feed(html)
    return parser.found


def _open(console: Console, **wanted: frozenset[str]) -> list[Case]:
    with console.reading() as work:
        return list(read_page(work, QueueFilter(**wanted), limit=500).cases)  # type: ignore[arg-type]


def _shown(html: str) -> list[str]:
    return _HERE.findall(html)


def _put(console: Console, case: Case) -> None:
    with console.deciding("test") as work:
        update_cases(work, [case])
        work.commit()


def test_the_queue_shows_every_open_case_with_its_customer(console: Console, visitor: Visitor) -> None:
    page = visitor("hugo").get("/queue")
    assert page.status_code == 200
    cases = _open(console)
    assert _shown(page.text) == [case.case_id for case in cases][:50]
    assert f"<strong>{len(cases)}</strong>" in page.text
    assert "Customer " in page.text
    assert "text/html" in page.headers["content-type"]


def test_pages_lead_forward_and_back(console: Console, visitor: Visitor) -> None:
    model = _open(console)[0]
    copies = [
        replace(model, case_id=f"EXC-{number:016x}", business_key=f"SO-9/{number}", parent_case_id=None)
        for number in range(120)
    ]
    with console.deciding("test") as work:
        insert_cases(work, copies)
        work.commit()
    visit, path, seen = visitor("hugo"), "/queue?sort=severity", list[str]()
    pages = []
    while True:
        html = visit.get(path).text
        pages.append(_shown(html))
        seen += pages[-1]
        following = _NEXT.search(html)
        if following is None:
            break
        path = following[1].replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == len(_open(console))
    back = _PREVIOUS.search(html)
    assert back is not None
    assert _shown(visit.get(back[1].replace("&amp;", "&")).text) == pages[-2]


@pytest.mark.parametrize("query", ["after=x", "after=W10", "sort=owner", "severity=S9", "due=later", "waits=you"])
def test_what_the_queue_cannot_be_asked_for_is_refused_in_words(visitor: Visitor, query: str) -> None:
    answer = visitor("hugo").get(f"/queue?{query}")
    assert answer.status_code == 422
    assert "What to do" in answer.text


def test_filters_narrow_and_say_so(console: Console, visitor: Visitor) -> None:
    page = visitor("hugo").get("/queue?owner=Billing&owner=Credit&severity=S2").text
    shown = {case.case_id for case in _open(console) if case.owner in {"Billing", "Credit"} and case.severity == "S2"}
    assert set(_shown(page)) == shown
    assert shown
    for chip in ("Team: Billing", "Team: Credit", "Severity: S2"):
        assert chip in page


def test_views_are_those_of_the_person(console: Console, visitor: Visitor) -> None:
    case = next(case for case in _open(console) if case.owner == "Billing")
    _put(console, replace(case, assignee="ada", state=CaseState.IN_PROGRESS))
    visit = visitor("ada")
    assert _shown(visit.get("/queue?assignee=me").text) == [case.case_id]
    home = visit.get("/queue").text
    assert re.search(r"<bdi>Mine</bdi> <span class=\"count\">1</span>", home)
    assert "Waits for my approval" in home
    assert "Waits for my approval" not in visitor("karl").get("/queue").text


def test_what_waits_for_ones_approval_is_shown_to_who_may_approve_it(console: Console, visitor: Visitor) -> None:
    page = visitor("ada").get("/queue?waits=me").text
    with console.reading() as work:
        pending = read_page(work, QueueFilter(states=frozenset({CaseState.PENDING_APPROVAL})), limit=500).cases
    assert _shown(page)
    assert set(_shown(page)) < {case.case_id for case in pending}
    assert not _shown(visitor("farah").get("/queue?waits=me&owner=Credit").text)


@pytest.mark.parametrize(
    "text", ["SO-100192", "so-100192", "Customer 29", "SO-100192/1"], ids=["order", "lower case", "customer", "key"]
)
def test_a_search_finds_the_cases_of_an_order(console: Console, visitor: Visitor, text: str) -> None:
    (case,) = [case for case in _open(console) if case.order_id == "SO-100192"]
    shown = _shown(visitor("hugo").get("/queue", params={"find": text}).text)
    assert shown == [case.case_id] or (text.startswith("Customer") and case.case_id in shown and len(shown) < 10)


def test_a_search_by_item_and_by_tracking_number_goes_by_the_lake(console: Console, visitor: Visitor) -> None:
    query = console.platform.warehouse.query
    orders = sorted({case.order_id for case in _open(console) if case.order_id})
    (item,) = query(
        "select order_id, sku from canon_order_lines where role = 'erp' and order_id in (select unnest($ids)) limit 1",
        {"ids": orders},
    ).to_pylist()
    (leg,) = query(
        """select legs.order_id, transports.tracking_no from canon_shipment_lines as legs
        inner join canon_transports as transports on legs.shipment_id = transports.shipment_id
        where legs.order_id in (select unnest($ids)) limit 1""",
        {"ids": orders},
    ).to_pylist()
    for text, order_id in ((item["sku"], item["order_id"]), (leg["tracking_no"].lower(), leg["order_id"])):
        shown = _shown(visitor("hugo").get("/queue", params={"find": text}).text)
        assert {case.case_id for case in _open(console) if case.order_id == order_id} <= set(shown)
        assert len(shown) < len(_open(console)) / 2


def test_without_the_lake_the_queue_still_works_and_says_what_it_lacks(
    console: Console, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> list[object]:
        raise BadDataError("The lake cannot answer.", remedy="`fulfillment run` makes it")

    monkeypatch.setattr(type(console.questions), "ask", silent)
    page = visitor("hugo").get("/queue?find=SO-100192")
    assert page.status_code == 200
    assert len(_shown(page.text)) == 1
    assert "are not searched" in page.text
    assert "Customers are not shown" in visitor("hugo").get("/queue").text


def test_a_view_is_saved_for_oneself_or_for_a_team_and_forgotten(visitor: Visitor) -> None:
    ada, ben, chiara = visitor("ada"), visitor("ben"), visitor("chiara")
    for name, team in (("Mine in the west", ""), ("West for all", "Billing")):
        kept = ada.post("/queue/views", data={"name": name, "team": team, "query": "node=WEST&after=gone"})
        assert (kept.status_code, kept.headers["location"]) == (303, "/queue?node=WEST&after=gone")
    assert {"Mine in the west", "West for all"} <= set(_views(ada.get("/queue").text))
    assert set(_views(ben.get("/queue").text)) >= {"West for all"}
    assert not {"Mine in the west"} & set(_views(ben.get("/queue").text))
    assert not {"Mine in the west", "West for all"} & set(_views(chiara.get("/queue").text))
    (identity,) = re.findall(
        r'name="view_id" value="(\d+)"><button class="plain" aria-label="Delete the view West',
        ben.get("/queue?node=WEST").text,
    )
    assert chiara.post("/queue/views/forget", data={"view_id": identity}).status_code == 404
    assert ben.post("/queue/views/forget", data={"view_id": identity}).status_code == 303
    assert "West for all" not in _views(ada.get("/queue").text)


def test_nobody_saves_a_view_for_a_team_of_others(visitor: Visitor) -> None:
    assert visitor("ada").post("/queue/views", data={"name": "x", "team": "Credit"}).status_code == 403


def _views(html: str) -> list[str]:
    return re.findall(r"<bdi>([^<]+)</bdi>", html.partition('id="views"')[2].partition("</nav>")[0])


def test_an_export_holds_what_the_view_shows_in_its_order(console: Console, visitor: Visitor) -> None:
    answer = visitor("ada").get("/queue.csv?sort=value")
    assert answer.headers["content-disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    with console.reading() as work:
        expected = read_page(work, QueueFilter(), QueueSort.VALUE, limit=500).cases
    assert [row["case_id"] for row in rows] == [case.case_id for case in expected]
    assert {row["customer_name"] for row in rows} > {"Customer 29"}
    assert rows[0]["value_at_risk"] == f"{expected[0].value_at_risk_amount:.2f}"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\uff1dcmd"])
def test_no_cell_of_an_export_begins_a_formula(console: Console, visitor: Visitor, text: str) -> None:
    case = _open(console)[0]
    _put(console, replace(case, expected_value=text, order_id=text))
    answer = visitor("ada").get("/queue.csv").text.removeprefix("\ufeff")
    (row,) = [row for row in csv.DictReader(io.StringIO(answer, newline="")) if row["case_id"] == case.case_id]
    assert (row["expected"], row["order_id"]) == (f"'{text}", f"'{text}")
    assert harmless("SO-1") == "SO-1"


def test_hostile_text_stays_text(console: Console, visitor: Visitor) -> None:
    hostile = "\"><script>alert(1)</script><img src=x onerror=alert(1)>' \u202eevil"
    case = _open(console)[0]
    before = _tags(visitor("hugo").get("/queue").text)
    _put(console, replace(case, order_id=hostile[:128], assignee=hostile[:128]))
    html = visitor("hugo").get("/queue").text
    assert [tag for tag, _ in _tags(html)].count("script") == [tag for tag, _ in before].count("script")
    assert not [found for tag, found in _tags(html) if tag == "img" and found.get("src") == "x"]
    assert not [name for _, found in _tags(html) for name in found if name.startswith("on")]
    assert visitor("hugo").get("/queue", params={"find": hostile[:100]}).status_code == 200


def test_rows_come_alone_to_a_page_that_is_open(console: Console, visitor: Visitor) -> None:
    piece = visitor("hugo").get("/queue/rows?owner=Billing").text
    assert piece.lstrip().startswith('<tbody id="rows">')
    assert "<html" not in piece
    assert _shown(piece) == [case.case_id for case in _open(console, owners=frozenset({"Billing"}))]
    for identity in ("total", "views", "pager"):
        assert f'id="{identity}" hx-swap-oob="true"' in piece


def test_many_cases_are_taken_at_once_and_those_that_refuse_are_named(console: Console, visitor: Visitor) -> None:
    ours = [case for case in _open(console) if case.owner == "Billing"][:3]
    theirs = next(case for case in _open(console) if case.owner == "Credit")
    _put(console, replace(ours[2], assignee="ben", state=CaseState.IN_PROGRESS))
    visit = visitor("ada")
    chosen = _chosen(visit.get("/queue").text, [*ours, theirs])
    preview = visit.post("/queue/bulk", data={"action": "take", "case": chosen})
    assert preview.status_code == 200
    assert "Take 2 cases" in preview.text
    assert "2 are left alone" in preview.text
    assert _states(console, ours) == [case.state for case in ours[:2]] + [CaseState.IN_PROGRESS]
    done = visit.post("/queue/bulk/do", data={"action": "take", "case": chosen})
    assert "2 cases were taken." in done.text
    assert "ben&#39;s already" in done.text
    assert "may not do this" in done.text
    assert [case.assignee for case in _again(console, ours)] == ["ada", "ada", "ben"]
    assert _again(console, [theirs])[0].assignee is None


def test_cases_are_assigned_and_put_off_with_a_reason(console: Console, visitor: Visitor) -> None:
    ours = [case for case in _open(console) if case.owner in {"Billing", "Pricing"}][:2]
    visit = visitor("ada")
    first = {"action": "assign", "to": "ben", "case": _chosen(visit.get("/queue").text, ours)}
    assert "0 cases were assigned" in visit.post("/queue/bulk/do", data={**first, "reason": " "}).text
    assert "2 cases were assigned" in visit.post("/queue/bulk/do", data={**first, "reason": "knows them"}).text
    later = {"action": "snooze", "hours": "24", "case": _chosen(visit.get("/queue").text, ours), "reason": "stocktake"}
    assert "2 cases were put off" in visit.post("/queue/bulk/do", data=later).text
    after = _again(console, ours)
    assert {(case.assignee, case.state) for case in after} == {("ben", CaseState.SUPPRESSED)}
    assert {case.suppressed_until for case in after} == {console.now() + timedelta(hours=24)}
    assert not {case.case_id for case in ours} & set(_shown(visit.get("/queue").text))
    assert set(_shown(visit.get("/queue?state=SUPPRESSED").text)) == {case.case_id for case in ours}


def test_a_case_that_moved_since_the_page_was_loaded_is_left_alone(console: Console, visitor: Visitor) -> None:
    ours = [case for case in _open(console) if case.owner == "Billing"][:1]
    chosen = _chosen(visitor("ada").get("/queue").text, ours)
    assert "1 case was taken" in visitor("ben").post("/queue/bulk/do", data={"action": "take", "case": chosen}).text
    done = visitor("ada").post("/queue/bulk/do", data={"action": "take", "case": chosen})
    assert "0 cases were taken" in done.text
    assert "moved since" in done.text


def test_corrections_are_approved_by_cause_with_a_count_and_a_sum_before(console: Console, visitor: Visitor) -> None:
    visit = visitor("ada")
    page = visit.get("/queue?waits=me").text
    chosen = re.findall(r'name="case" value="(EXC-[0-9a-f]{16}:\d+)"', page)[:1]
    preview = visit.post("/queue/approve", data={"case": chosen})
    assert "Approve 1 correction" in preview.text
    (case,) = _again(console, [case for case in _open(console) if case.case_id == chosen[0].partition(":")[0]])
    assert case.state is CaseState.PENDING_APPROVAL
    cause = re.findall(r'name="case" value="(EXC-[0-9a-f]{16}:\d+)"', preview.text)
    assert "0 corrections were approved" in visit.post("/queue/approve/do", data={"case": cause, "reason": ""}).text
    done = visit.post("/queue/approve/do", data={"case": cause, "reason": "checked with the site"})
    assert "1 correction was approved" in done.text
    again = visit.post("/queue/approve/do", data={"case": cause, "reason": "once more"})
    assert "0 corrections were approved" in again.text or "refused" in again.text


@pytest.mark.parametrize("selected", [[], ["x"], ["EXC-1:a"], [f"EXC-{number:016x}:1" for number in range(201)]])
def test_what_no_page_offers_is_not_worked_on(visitor: Visitor, selected: list[str]) -> None:
    for path in ("/queue/bulk", "/queue/bulk/do", "/queue/approve", "/queue/approve/do"):
        answer = visitor("ada").post(path, data={"action": "take", "case": selected, "reason": "x"})
        assert answer.status_code == 422, path


def test_an_address_is_the_same_after_it_was_read() -> None:
    asked = asked_of([("owner", "Order Desk"), ("owner", "Billing"), ("find", "a&b=c"), ("sort", "-value"), ("x", "y")])
    assert asked.query() == "owner=Order+Desk&owner=Billing&find=a%26b%3Dc&sort=-value"
    assert asked.query(owner=()) == "find=a%26b%3Dc&sort=-value"
    assert asked_of([("after", "p"), ("before", "q")]).after == ""


def _chosen(html: str, cases: list[Case]) -> list[str]:
    offered = dict(value.split(":") for value in re.findall(r'name="case" value="(EXC-[0-9a-f]{16}:\d+)"', html))
    return [f"{case.case_id}:{offered[case.case_id]}" for case in cases]


def _again(console: Console, cases: list[Case]) -> list[Case]:
    with console.reading() as work:
        known = cases_of(work, [case.case_id for case in cases])
    return [known[case.case_id] for case in cases]


def _states(console: Console, cases: list[Case]) -> list[CaseState]:
    return [case.state for case in _again(console, cases)]


def test_no_page_of_the_queue_has_script_or_style_within(visitor: Visitor) -> None:
    for path in ("/queue", "/queue/rows"):
        for tag, found in _tags(visitor("ada").get(path).text):
            assert "style" not in found
            assert tag != "style"
            assert (
                tag != "script"
                or found.get("src", "").startswith("/static/")
                or found.get("type") == "application/json"
            )
