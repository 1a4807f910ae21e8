"""The life of an order, told from a lake of a few rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from fulfillment_pipelines.domain.finding import Verdict
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.explanation.story import Story

Asker = Callable[..., Story]
Row = dict[str, Any]


def _at(hour: int, minute: int = 0, *, day: int = 2) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def _world(**tables: list[Row]) -> dict[str, list[Row]]:
    """One order of the portal, in the ERP, shipped by the site, billed by finance."""
    own = {"snapshot_id": "snap-1", "as_of": _at(11)}
    return {
        "canon_orders": [
            {"role": "erp", "source_key": "1", "channel_order_id": "P-1", **own},
            {"role": "channel", "source_key": "2", "order_id": "P-1", "system": "portal", **own},
        ],
        "canon_order_lines": [
            {"role": "erp", "source_key": "1", **own},
            {"role": "channel", "source_key": "2", "order_id": "P-1", "system": "portal", **own},
        ],
        "canon_shipment_lines": [{"role": "wms", "system": "wms_east", "source_key": "1", **own}],
        "rec_billed_lines": [_bill()],
        "rec_quantity_ledger": [{"residual_shipped_qty": 10}],
        "rec_line_verdicts": [{"order_id": "SO-1", "line_no": 1, "verdict": "DIFFER"}],
        "rec_feeds": [
            {"system": "wms_east", "entity": "shipments", "contract": "shipment_lines", "role": "wms", "node": "EAST"},
            {"contract": "shipment_lines", "entity": "shipments", "as_of": _at(11)},
        ],
        "rec_rules": [
            {"code": "SHP-01", "title": "Left the warehouse, but the ERP has no confirmation", "confirm_snapshots": 1}
        ],
        **tables,
    }


def _bill(**changes: object) -> Row:
    return {
        "role": "finance",
        "source_key": "IN-1",
        "invoice_id": "IN-1",
        "invoice_line_no": 1,
        "document_type": "INVOICE",
        "order_id": "SO-1",
        "line_no": 1,
        "shipment_id": "SH-1",
        "invoiced_qty": 10,
        "status": "POSTED",
        "posted_at": _at(11),
        "as_of": _at(11),
        "match_label": "exact",
        "snapshot_id": "snap-9",
        **changes,
    }


def _finding(**changes: object) -> Row:
    return {
        "expected_value": "10.0000",
        "actual_value": "0",
        "breaks_at": _at(10, 30),
        "evidence": '{"departed": "snap-1"}',
        "watermark_at": _at(11),
        **changes,
    }


@pytest.mark.parametrize(
    ("number", "kind"), [("SO-1", "order"), ("P-1", "channel order"), ("SH-1", "shipment"), ("IN-1", "invoice")]
)
def test_every_number_of_an_order_leads_to_it(explain: Asker, number: str, kind: str) -> None:
    story = explain(_world(), number)
    assert (story.subject.kind, story.subject.order_ids) == (kind, ("SO-1",))
    assert [order.order_id for order in story.orders] == ["SO-1", "P-1"]


def test_a_line_can_be_asked_for_alone(explain: Asker) -> None:
    second = {"role": "erp", "source_key": "3", "line_no": 2, "snapshot_id": "snap-1"}
    world = _world()
    story = explain({**world, "canon_order_lines": [*world["canon_order_lines"], second]}, "SO-1/2")
    assert story.subject.line_no == 2
    assert {quantity.line_no for quantity in story.quantities} == {2}
    assert {event.line_no for event in story.events} == {None}


def test_an_unknown_number_is_told_with_the_nearest_ones(explain: Asker) -> None:
    with pytest.raises(BadDataError) as raised:
        explain(_world(), "SO-9")
    assert raised.value.found.startswith("nearest: SO-1")


def test_nothing_in_the_lake_says_what_to_do(explain: Asker) -> None:
    with pytest.raises(BadDataError, match="fulfillment run"):
        explain({}, "SO-1")


def test_events_come_in_the_order_of_time_with_system_and_snapshot(explain: Asker) -> None:
    told = [(event.event, event.system, event.snapshot_id) for event in explain(_world(), "SO-1").events]
    assert told == [
        ("order.accepted", "erp", "snap-1"),
        ("order.received", "portal", "snap-1"),
        ("shipment.departed", "wms_east", "snap-1"),
        ("invoice.posted", "finance", "snap-9"),
    ]


def test_quantities_of_a_channel_stand_under_the_order_of_the_erp(explain: Asker) -> None:
    ordered = [one for one in explain(_world(), "SO-1").quantities if one.quantity == "ordered"]
    assert {(one.system, one.order_id, one.value_qty) for one in ordered} == {
        ("erp", "SO-1", Decimal(10)),
        ("portal", "SO-1", Decimal(10)),
    }


def test_an_edge_names_its_verdict_and_the_rows_it_rests_on(explain: Asker) -> None:
    story = explain(_world(rec_findings=[_finding()]), "SO-1")
    edges = {edge.edge: edge for edge in story.edges}
    assert (edges["shipped"].verdict, edges["shipped"].codes) == (Verdict.DIFFER, ("SHP-01",))
    assert edges["shipped"].supported_by == ("wms_east: shipped 10 (snap-1)",)
    assert edges["ordered"].verdict is Verdict.AGREE


def test_what_was_booked_between_two_readings_is_a_matter_of_timing(explain: Asker) -> None:
    edges = {edge.edge: edge for edge in explain(_world(), "SO-1").edges}
    assert edges["shipped"].verdict is Verdict.TIMING
    assert "the next reading" in edges["shipped"].reason


def test_a_break_tells_how_long_it_stands_and_what_supports_it(explain: Asker) -> None:
    (finding,) = explain(_world(rec_findings=[_finding()]), "SO-1").findings
    assert finding.reason == "expected 10, found 0; it stands for 1 h 0 min"
    assert finding.evidence == '{"departed": "snap-1"}'


def test_a_young_difference_tells_until_when_and_for_what_it_waits(explain: Asker) -> None:
    young = _finding(verdict="TIMING", breaks_at=_at(11, 30))
    (finding,) = explain(_world(rec_findings=[young]), "SO-1").findings
    assert finding.until == _at(11, 30)
    assert "until 2026-03-02 11:30Z" in finding.reason
    assert "erp/shipments, was last read at 2026-03-02 11:00Z" in finding.reason


def test_a_difference_that_must_be_seen_again_says_so(explain: Asker) -> None:
    rules = [{"code": "SHP-01", "title": "...", "confirm_snapshots": 2}]
    seen_once = _finding(verdict="TIMING")
    (finding,) = explain(_world(rec_findings=[seen_once], rec_rules=rules), "SO-1").findings
    assert finding.until is None
    assert finding.reason == "seen in 1 of the 2 snapshots in which it must stand"


def test_an_unknown_verdict_names_the_feed_that_cannot_be_trusted(explain: Asker) -> None:
    feeds = [
        {"contract": "shipment_lines", "entity": "shipments", "state": "STALE", "problem": "too old"},
        {
            "system": "wms_west",
            "entity": "s",
            "contract": "shipment_lines",
            "role": "wms",
            "node": "WEST",
            "state": "FAILED",
        },
    ]
    unknown = _finding(verdict="UNKNOWN")
    (finding,) = explain(_world(rec_findings=[unknown], rec_feeds=feeds), "SO-1").findings
    assert finding.reason == "erp/shipments is STALE: too old"


def test_the_smallest_grace_that_would_still_wait_is_told(explain: Asker) -> None:
    (finding,) = explain(_world(rec_findings=[_finding(business_key="SH-1/SO-1/1")]), "SO-1").findings
    assert [(gap.tolerance, gap.value, gap.smallest) for gap in finding.gaps] == [
        ("shp_01_grace_modern_minutes", Decimal(30), Decimal(61))
    ]


def test_a_tolerance_that_would_not_heal_the_break_is_not_told(explain: Asker) -> None:
    """The rule, asked again, still speaks of the leg: its grace depends on the site, and this site is another."""
    world = _world(rec_findings=[_finding(node="NORTH")])
    legacy = [{**world["canon_shipment_lines"][0], "node": "NORTH"}]
    (finding,) = explain({**world, "canon_shipment_lines": legacy}, "SO-1").findings
    assert all(gap.tolerance != "shp_01_grace_modern_minutes" for gap in finding.gaps)


def _document(**changes: object) -> Row:
    return {
        "scope_key": "",
        "role": "finance",
        "source_key": "IN-7/1",
        "share_no": 1,
        "invoice_id": "IN-7",
        "invoice_line_no": 1,
        "document_type": "INVOICE",
        "customer_id": "C-1",
        "sku": "VLV-1",
        "names_item": True,
        "billed_qty": 10,
        "matched_qty": 0,
        "posted_at": _at(11),
        "match_label": "unmatched",
        "match_score": 0,
        "match_reason": "nothing fits",
        **changes,
    }


def test_a_document_outside_the_window_tells_by_how_much_and_the_smallest_window(explain: Asker) -> None:
    late = _document(posted_at=_at(22, day=11))
    (miss,) = explain(_world(rec_document_matches=[late], rec_billed_lines=[]), "SO-1").near_misses
    assert (miss.document, miss.candidate) == ("IN-7/1", "SH-1/SO-1/1")
    (failed,) = miss.failed
    assert (failed.predicate, failed.margin) == ("left within the window", "2.5 days")
    assert failed.smallest_tolerance == "window_days: 9.5"


def test_a_document_posted_before_the_leg_left_cannot_have_billed_it(explain: Asker) -> None:
    early = _document(posted_at=_at(9))
    (miss,) = explain(_world(rec_document_matches=[early], rec_billed_lines=[]), "SO-1").near_misses
    (failed,) = miss.failed
    assert (failed.predicate, failed.found) == ("left before the posting", "1.0 hours after")
    assert failed.smallest_tolerance == ""


def test_an_order_spelled_too_differently_tells_how_alike_it_is(explain: Asker) -> None:
    damaged = _document(spelled_order_id="SO-777")
    (miss,) = explain(_world(rec_document_matches=[damaged], rec_billed_lines=[]), "SO-1").near_misses
    (failed,) = miss.failed
    assert failed.predicate == "order spelled alike"
    assert failed.smallest_tolerance.startswith("reference.floor_percent: ")


def test_a_leg_that_is_billed_already_is_named_as_the_hindrance(explain: Asker) -> None:
    (miss,) = explain(_world(rec_document_matches=[_document()]), "SO-1").near_misses
    assert [failed.predicate for failed in miss.failed] == ["quantity left to bill"]


def test_a_document_that_bills_no_order_can_be_asked_for(explain: Asker) -> None:
    matches = [_document(sku="VLV-9", customer_id="C-1")]
    billed = [_bill(invoice_id="IN-7", order_id=None, line_no=None, shipment_id=None, match_label="unmatched")]
    story = explain(_world(rec_document_matches=matches, rec_billed_lines=billed), "IN-7")
    assert story.subject.order_ids == ()
    (miss,) = story.near_misses
    assert [failed.predicate for failed in miss.failed] == ["same item"]


def test_a_matched_document_is_told_with_its_reason(explain: Asker) -> None:
    matched = _document(order_id="SO-1", scope_key="SO-1", match_label="unique", match_reason="one leg adds up to it")
    story = explain(_world(rec_document_matches=[matched]), "SO-1")
    assert [document.match_reason for document in story.documents] == ["one leg adds up to it"]
    assert story.near_misses == ()
