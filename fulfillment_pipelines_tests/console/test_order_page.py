"""Orders: found by any number, and told in all systems at once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.order_picture import STAGES, lanes_of, picture_of
from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.explanation.questions import Questions
from fulfillment_pipelines.explanation.story import LifeEvent
from fulfillment_pipelines.ledger.readings import CaseFilter, list_cases
from fulfillment_pipelines_tests.console.conftest import Visitor

_NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
_BUCKETS = (
    "open_qty",
    "backordered_qty",
    "allocated_unreleased_qty",
    "released_unpicked_qty",
    "picked_unshipped_qty",
    "short_closed_qty",
    "in_transit_qty",
    "lost_qty",
    "unbilled_qty",
    "overshipped_qty",
    "overbilled_qty",
)


def words_of(page: str) -> str:
    """Return what a page says, without its markup."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def line(**quantities: int) -> dict[str, Any]:
    """Return a row of `order_ledger` with these quantities, and nothing else."""
    names = (*(name for _, _, name in STAGES), *_BUCKETS)
    return {"line_no": 1, **{name: Decimal(quantities.get(name, 0)) for name in names}}


@pytest.fixture
def over_billed(console: Console) -> Case:
    """A case of billing too much."""
    with console.reading() as work:
        return list_cases(work, CaseFilter(codes=frozenset({"FIN-02"}), only_open=True))[0]


def test_orders_in_trouble_come_first_and_the_worst_before_them(visitor: Visitor) -> None:
    page = visitor("jonas").get("/orders").text
    severities = re.findall(r'class="badge severity-(s\d)"', page)
    assert len(severities) > 10
    assert severities == sorted(severities)


def test_a_number_that_means_one_order_leads_to_it(console: Console, visitor: Visitor, over_billed: Case) -> None:
    row = console.questions.ask("evidence_orders", {"order_ids": [over_billed.order_id]})[0]
    for number in (over_billed.order_id, row["channel_order_id"], row["customer_po"]):
        answer = visitor("jonas").get("/orders", params={"find": number})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/orders/{over_billed.order_id}")


def test_a_number_that_means_nothing_names_the_nearest(visitor: Visitor, over_billed: Case) -> None:
    browser = visitor("jonas")
    wrong = f"{over_billed.order_id}X"
    found = browser.get("/orders", params={"find": wrong})
    assert found.status_code == 200
    assert f"nearest: {over_billed.order_id}" in found.text
    assert browser.get(f"/orders/{wrong}").status_code == 404


def test_an_order_is_told_in_all_its_systems(visitor: Visitor, over_billed: Case) -> None:
    page = visitor("jonas").get(f"/orders/{over_billed.order_id}").text
    told = words_of(page)
    for part in ("Where the units are", "Milestones, planned and actual", "Tracking number", "Invoice or credit"):
        assert part in told
    assert "billed too many" in told
    assert f'href="/cases/{over_billed.case_id}"' in page
    for system in ("erp", "finance", "tms", "crm"):
        assert re.search(rf'<th scope="col">{system}\b', page), system


def test_the_picture_and_the_table_beside_it_have_the_same_numbers(visitor: Visitor, over_billed: Case) -> None:
    page = visitor("jonas").get(f"/orders/{over_billed.order_id}").text
    pictured = re.findall(r'class="qty(?: none)?">([^<]*)</text>', page)
    table = page.partition('aria-label="Quantities"')[2].partition("</table>")[0]
    written = re.findall(r'<td class="number(?: differs)?">([^<]*)</td>', table)
    assert pictured
    assert pictured == written


def test_every_edge_has_a_verdict_and_what_does_not_agree_its_reason(visitor: Visitor, over_billed: Case) -> None:
    piece = visitor("jonas").get(f"/orders/{over_billed.order_id}/story", headers={"HX-Request": "true"}).text
    assert "<html" not in piece
    told = words_of(piece)
    assert re.search(r"Line ordered released shipped delivered billed 1 AGREE", told)
    assert re.search(r"Why not all agree DIFFER line \d, billed: FIN-02 DIFFER: expected \d+, found \d+", told)


def test_without_the_lake_orders_in_trouble_are_listed_from_the_ledger(
    visitor: Visitor, over_billed: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> None:
        raise RetryableError("The lake is busy.", remedy="try again")

    monkeypatch.setattr(Questions, "ask", busy)
    browser = visitor("jonas")
    page = browser.get("/orders")
    assert (page.status_code, "The lake is busy." in page.text) == (200, True)
    assert over_billed.order_id in page.text
    assert browser.get(f"/orders/{over_billed.order_id}").status_code == 503


def test_a_bar_is_as_long_as_its_share_and_shows_where_units_wait() -> None:
    picture = picture_of([line(ordered_qty=10, reached_allocation_qty=10, released_qty=4, allocated_unreleased_qty=6)])
    bars = {bar.stage: bar for bar in picture.lines[0].bars}
    assert bars["ordered"].length == picture.track
    assert bars["released"].length == pytest.approx(picture.track * 0.4)
    assert bars["released"].waiting == pytest.approx(picture.track * 0.6, abs=0.1)
    assert bars["released"].told == "Released: 4; 6 wait for release"
    assert picture.lines[0].waits == ("6 wait for release",)


def test_what_is_too_much_never_leaves_the_picture() -> None:
    picture = picture_of([line(ordered_qty=10, shipped_qty=10, invoiced_qty=25, overbilled_qty=15)])
    bars = {bar.stage: bar for bar in picture.lines[0].bars}
    assert max(bar.length + bar.waiting for bar in bars.values()) <= picture.track
    assert bars["invoiced"].excess == "15 billed too many"


def test_a_line_of_nothing_is_a_picture_too() -> None:
    assert {bar.length for bar in picture_of([line()]).lines[0].bars} == {0.0}


def test_the_lanes_keep_what_is_planned_for_long_after_at_their_edge() -> None:
    def event(hours: int) -> LifeEvent:
        at = _NOON + timedelta(hours=hours)
        return LifeEvent(at, "order.accepted", "erp", "SO-1", None, None, None, "", "")

    lanes = lanes_of([event(0), event(10)], [(_NOON + timedelta(days=300), "promised")])
    assert lanes is not None
    first, last = (dot.x for dot in lanes.lanes[1].dots)
    assert lanes.begins == first < last < lanes.lanes[0].dots[0].x < lanes.width
    assert last - first > (lanes.width - lanes.begins) / 2


def test_one_event_alone_makes_no_lanes() -> None:
    assert lanes_of([LifeEvent(_NOON, "order.accepted", "erp", "SO-1", None, None, None, "", "")], []) is None
