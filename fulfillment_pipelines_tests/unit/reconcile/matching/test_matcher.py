"""What documents without an exact reference are matched to, in a lake of a few rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.reconcile.matching import read_matching_policy

Row = dict[str, Any]


def _orders(*numbers: int, customer: str = "C-1", sku: str = "VLV-1") -> tuple[list[Row], list[Row]]:
    keys = [{"role": "erp", "order_id": f"SO-{number}", "source_key": f"SO-{number}"} for number in numbers]
    return [{**key, "customer_id": customer} for key in keys], [{**key, "line_no": 1, "sku": sku} for key in keys]


def _leg(number: int, quantity: float, *, hour: int = 10, role: str = "wms", **changes: object) -> Row:
    return {
        "role": role,
        "shipment_id": f"SH-{number}",
        "order_id": f"SO-{number}",
        "line_no": 1,
        "shipped_qty": quantity,
        "shipped_at": datetime(2026, 3, 2, hour, tzinfo=UTC),
        "source_key": f"SH-{number}",
        **changes,
    }


def _document(quantity: float, *, number: int = 1, **changes: object) -> Row:
    """A consolidated line unless it is told otherwise: it names customer and item, and no order."""
    return {
        "role": "finance",
        "invoice_id": f"IN-{number}",
        "source_key": f"IN-{number}/1",
        "order_id": None,
        "line_no": None,
        "shipment_id": None,
        "customer_id": "C-1",
        "sku": "VLV-1",
        "invoiced_qty": quantity,
        "line_amount": quantity * 2.5,
        "as_of": datetime(2026, 3, 2, 11, 30, tzinfo=UTC),
        "snapshot_id": "snap-1",
        **changes,
    }


def _world(orders: int, legs: Sequence[Row], documents: Sequence[Row]) -> dict[str, list[Row]]:
    headers, lines = _orders(*range(1, orders + 1))
    return {
        "canon_orders": headers,
        "canon_order_lines": lines,
        "canon_shipment_lines": list(legs),
        "canon_invoice_lines": list(documents),
    }


def _told(rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["order_id"], row["shipment_id"], int(row["matched_qty"]), row["match_label"]) for row in rows]


def test_an_exact_document_is_no_business_of_the_matcher(matching_lake: Any) -> None:
    exact = _document(10, order_id="SO-1", line_no=1, shipment_id="SH-1")
    world = _world(1, [_leg(1, 10)], [exact])
    assert matching_lake.match(world) == []
    (billed,) = matching_lake.billed(world)
    assert (billed["order_id"], billed["match_label"], billed["match_score"]) == ("SO-1", "exact", Decimal(1))


def test_a_consolidated_line_bills_the_legs_that_add_up_to_it(matching_lake: Any) -> None:
    rows = matching_lake.match(_world(2, [_leg(1, 5), _leg(2, 7)], [_document(12)]))
    assert _told(rows) == [("SO-1", "SH-1", 5, "unique"), ("SO-2", "SH-2", 7, "unique")]
    assert [row["line_amount"] for row in rows] == [Decimal("12.50"), Decimal("17.50")]
    assert "2 legs of the customer and item" in rows[0]["match_reason"]


def test_amounts_of_the_shares_add_up_to_the_line_to_the_cent(matching_lake: Any) -> None:
    rows = matching_lake.match(_world(3, [_leg(n, 1) for n in (1, 2, 3)], [_document(3, line_amount=10)]))
    assert sum(row["line_amount"] for row in rows) == Decimal("10.00")


@pytest.mark.parametrize("spelled", ["S0-1", "so-1", "SO1", "s0 1", "SO.1", "SO-I"])
def test_case_separators_and_look_alikes_do_not_matter(matching_lake: Any, spelled: str) -> None:
    damaged = _document(10, order_id=spelled, line_no=1)
    rows = matching_lake.match(_world(1, [_leg(1, 10)], [damaged]))
    assert _told(rows) == [("SO-1", None, 10, "unique")]
    assert spelled in rows[0]["match_reason"]


def test_a_leg_that_is_named_exactly_outweighs_a_wrong_order(matching_lake: Any) -> None:
    damaged = _document(10, order_id="XX-9", line_no=1, shipment_id="SH-2", customer_id=None, sku=None)
    rows = matching_lake.match(_world(2, [_leg(1, 10), _leg(2, 10)], [damaged]))
    assert _told(rows) == [("SO-2", "SH-2", 10, "unique")]


def test_an_order_number_of_another_customer_is_no_exact_reference(matching_lake: Any) -> None:
    headers, lines = _orders(1)
    others, other_lines = _orders(7, customer="C-7")
    wrong = _document(10, order_id="SO-7", line_no=1, shipment_id="SH-1")
    world = {
        "canon_orders": [*headers, *others],
        "canon_order_lines": [*lines, *other_lines],
        "canon_shipment_lines": [_leg(1, 10), _leg(7, 10)],
        "canon_invoice_lines": [wrong],
    }
    assert _told(matching_lake.match(world)) == [("SO-1", "SH-1", 10, "unique")]


def test_a_wrong_character_is_read_as_the_nearest_order_with_this_quantity_to_bill(matching_lake: Any) -> None:
    headers, lines = _orders(100123, 200456)
    damaged = _document(10, order_id="SO-100923", line_no=1)
    legs = [_leg(100123, 10), _leg(200456, 10)]
    world = {
        "canon_orders": headers,
        "canon_order_lines": lines,
        "canon_shipment_lines": legs,
        "canon_invoice_lines": [damaged],
    }
    rows = matching_lake.match(world)
    assert _told(rows) == [("SO-100123", "SH-100123", 10, "unique")]
    assert "% like SO-100123" in rows[0]["match_reason"]


def test_an_order_unlike_any_is_not_matched_by_its_quantity(matching_lake: Any) -> None:
    damaged = _document(10, order_id="4711-ABCD", line_no=1)
    rows = matching_lake.match(_world(1, [_leg(1, 10)], [damaged]))
    assert _told(rows) == [("4711-ABCD", None, 0, "unmatched")]


def test_two_legs_that_fit_alike_are_ambiguous_and_the_older_is_billed(matching_lake: Any) -> None:
    legs = [_leg(1, 5, hour=10), _leg(2, 5, hour=10)]
    rows = matching_lake.match(_world(2, legs, [_document(5)]))
    assert _told(rows) == [("SO-1", "SH-1", 5, "ambiguous")]


def test_the_leg_that_left_last_before_the_posting_is_preferred(matching_lake: Any) -> None:
    rows = matching_lake.match(_world(2, [_leg(1, 5, hour=1), _leg(2, 5, hour=10)], [_document(5)]))
    assert _told(rows) == [("SO-2", "SH-2", 5, "unique")]


def test_a_posted_document_bills_no_leg_that_left_after_its_posting(matching_lake: Any) -> None:
    posted = _document(5, posted_at=datetime(2026, 3, 2, 11, tzinfo=UTC))
    assert _told(matching_lake.match(_world(1, [_leg(1, 5, hour=12)], [posted]))) == [(None, None, 0, "unmatched")]
    legs = [_leg(1, 5, hour=12), _leg(2, 4, hour=1)]
    assert _told(matching_lake.match(_world(2, legs, [posted]))) == [("SO-2", "SH-2", 4, "unique")]


def test_a_draft_may_bill_a_leg_that_leaves_after_it_was_read(matching_lake: Any) -> None:
    draft = _document(5, status="DRAFT", posted_at=None)
    rows = matching_lake.match(_world(1, [_leg(1, 5, hour=12)], [draft]))
    assert _told(rows) == [("SO-1", "SH-1", 5, "unique")]


def test_what_is_billed_beyond_the_legs_stays_with_the_largest_leg(matching_lake: Any) -> None:
    world = _world(2, [_leg(1, 5), _leg(2, 7)], [_document(14)])
    assert _told(matching_lake.match(world)) == [("SO-1", "SH-1", 5, "unique"), ("SO-2", "SH-2", 7, "unique")]
    assert [row["invoiced_qty"] for row in matching_lake.billed(world)] == [Decimal(5), Decimal(9)]


def test_a_leg_that_an_exact_document_bills_is_not_billed_again(matching_lake: Any) -> None:
    exact = _document(5, number=2, order_id="SO-1", line_no=1, shipment_id="SH-1")
    rows = matching_lake.match(_world(2, [_leg(1, 5), _leg(2, 5)], [_document(5), exact]))
    assert _told(rows) == [("SO-2", "SH-2", 5, "unique")]


def test_a_merged_shipment_that_no_site_knows_is_divided_over_its_legs(matching_lake: Any) -> None:
    merged = _document(12, shipment_id="MERGED-1")
    rows = matching_lake.match(_world(3, [_leg(1, 5), _leg(2, 7), _leg(3, 4)], [merged]))
    assert _told(rows) == [("SO-1", "SH-1", 5, "unique"), ("SO-2", "SH-2", 7, "unique")]


def test_an_exact_document_without_a_leg_bills_all_legs_of_its_line(matching_lake: Any) -> None:
    exact = _document(3, number=2, order_id="SO-1", line_no=1)
    rows = matching_lake.match(_world(2, [_leg(1, 5), _leg(2, 5)], [_document(5), exact]))
    assert _told(rows) == [("SO-2", "SH-2", 5, "unique")]


@pytest.mark.parametrize(
    ("quantity", "told"),
    [
        (5, [("SO-1", "SH-1", 5, "unique")]),
        (7, [("SO-1", "SH-2", 7, "unique")]),
        (12, [("SO-1", None, 12, "unique")]),
        (6, [("SO-1", None, 6, "unique")]),
    ],
)
def test_a_document_that_names_no_leg_bills_the_one_that_has_its_quantity(
    matching_lake: Any, quantity: float, told: Sequence[tuple[Any, ...]]
) -> None:
    """The other leg is billed later: until then, the line is not billed short."""
    legs = [_leg(1, 5), _leg(1, 7, shipment_id="SH-2", source_key="SH-2")]
    assert _told(matching_lake.match(_world(1, legs, [_document(quantity, order_id="S0-1", line_no=1)]))) == told


def test_two_documents_of_two_legs_alike_bill_one_each(matching_lake: Any) -> None:
    legs = [_leg(1, 5), _leg(1, 5, shipment_id="SH-2", source_key="SH-2")]
    documents = [_document(5, number=number, order_id="S0-1", line_no=1) for number in (1, 2)]
    rows = matching_lake.match(_world(1, legs, documents))
    assert _told(rows) == [("SO-1", "SH-1", 5, "ambiguous"), ("SO-1", "SH-2", 5, "unique")]


@pytest.mark.parametrize(
    "changes",
    [
        {"customer_id": "C-2"},
        {"sku": "VLV-2"},
        {"posted_at": datetime(2026, 3, 20, tzinfo=UTC)},
        {"posted_at": datetime(2026, 2, 27, tzinfo=UTC)},
        {"document_type": "CREDIT_MEMO"},
        {"customer_id": None},
    ],
)
def test_another_customer_item_time_or_kind_of_document_matches_nothing(
    matching_lake: Any, changes: Mapping[str, Any]
) -> None:
    rows = matching_lake.match(_world(1, [_leg(1, 5)], [_document(5, **changes)]))
    assert _told(rows) == [(None, None, 0, "unmatched")]
    assert rows[0]["match_reason"]


def test_a_void_document_is_not_matched(matching_lake: Any) -> None:
    assert matching_lake.match(_world(1, [_leg(1, 5)], [_document(5, status="VOID")])) == []


def test_a_leg_that_only_the_erp_tells_of_is_billed_after_one_that_has_left(matching_lake: Any) -> None:
    legs = [_leg(1, 5, role="erp"), _leg(2, 5)]
    assert _told(matching_lake.match(_world(2, legs, [_document(5)]))) == [("SO-2", "SH-2", 5, "unique")]


def test_a_credit_with_a_damaged_order_is_credited_there(matching_lake: Any) -> None:
    credit = _document(2, order_id="S0-1", line_no=1, document_type="CREDIT_MEMO")
    assert _told(matching_lake.match(_world(1, [_leg(1, 5)], [credit]))) == [("SO-1", None, 0, "unique")]


def test_the_same_rows_in_any_order_give_the_same_matches(matching_lake: Any) -> None:
    legs = [_leg(number, 3 + number % 3, hour=1 + number) for number in range(1, 8)]
    documents = [_document(quantity, number=number) for number, quantity in enumerate((7, 8, 4), start=1)]
    assert matching_lake.match(_world(7, legs, documents)) == matching_lake.match(
        _world(7, legs[::-1], documents[::-1])
    )


def test_what_finance_billed_adds_up_for_each_customer_and_item(matching_lake: Any) -> None:
    legs = [_leg(number, number, hour=number) for number in range(1, 8)]
    documents = [_document(quantity, number=number) for number, quantity in enumerate((9, 30, 5), start=1)]
    world = _world(7, legs, documents)
    billed, matched = Counter[str](), Counter[str]()
    for row in matching_lake.billed(world):
        billed[row["sku"]] += row["invoiced_qty"]
    assert billed == {"VLV-1": 44}
    for row in matching_lake.match(world):
        matched[row["shipment_id"] or "none"] += row["matched_qty"]
    assert matched.pop("none") == 0
    assert matched == {f"SH-{number}": number for number in range(1, 8)}


def test_a_wrong_policy_is_told_by_file_and_line(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[4] / "data" / "seeds" / "matching.yaml"
    path = tmp_path / "matching.yaml"
    path.write_text(shipped.read_text(encoding="utf-8").replace("{time: 60", "{time: 61"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"matching.yaml:\d+.*the weights must sum to 100, not 101"):
        read_matching_policy(path)
