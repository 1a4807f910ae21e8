"""The three warehouses of the twin: what they set aside, pick, pack, take back and send, when nothing is wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.twin.twin import Twin

Line = tuple[str, int]


def _reserved(outside: Any) -> dict[tuple[str, str], int]:
    return {(row["node"], row["item"]): row["reserved"] for row in outside.site("stock")}


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory, working: Any) -> Iterator[Any]:
    """A twin that nothing disturbs, a week and a half into its life, as the legacy site has just dropped its files."""
    with Twin.start(tmp_path_factory.mktemp("sites"), seed=22, history=False) as twin:
        twin.advance_until(datetime.fromisoformat("2026-03-11T13:00:00+00:00"))
        with closing(type(working)(twin)) as outside:
            yield outside


def test_stock_reserved_is_the_sum_of_the_reservations(healthy: Any) -> None:
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in healthy.site("reservations"):
        sums[row["node"], row["item"]] += row["qty"]
    assert sum(sums.values()) > 0
    assert {position: qty for position, qty in _reserved(healthy).items() if qty} == sums


def test_stock_reserved_is_the_sum_of_the_reservations_also_where_faults_are(faulty: Any) -> None:
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in faulty.site("reservations"):
        sums[row["node"], row["item"]] += row["qty"]
    assert {position: qty for position, qty in _reserved(faulty).items() if qty} == sums


def test_a_reservation_is_what_a_line_was_released_and_has_not_left(healthy: Any) -> None:
    left: dict[Line, int] = defaultdict(int)
    for row in healthy.site("releases"):
        left[row["order_no"], row["line_no"]] += row["qty"]
    for row in healthy.site("shipments"):
        left[row["order_no"], row["line_no"]] -= row["qty"]
    reserved = {(row["order_no"], row["line_no"]): row["qty"] for row in healthy.site("reservations")}
    assert reserved == {line: qty for line, qty in left.items() if qty}


def test_what_left_was_picked_and_packed_before(healthy: Any) -> None:
    releases = {(row["order_no"], row["line_no"]): row for row in healthy.site("releases")}
    packs = {row["pack_no"][-6:]: row for row in healthy.site("packs")}
    shipments = healthy.site("shipments")
    assert len(shipments) > 700
    for leg in shipments:
        release, pack = releases[leg["order_no"], leg["line_no"]], packs[leg["shipment_no"][-6:]]
        assert release["pick_status"] == "CLOSED"
        assert release["picked_qty"] == release["qty"]
        assert release["acked_at"] <= release["picked_at"] <= pack["packed_at"] <= leg["departed_at"]
        assert (pack["qty"], pack["lot_status"] in {"RELEASED", "ok"}) == (leg["qty"], True)
        assert not pack["expires_at"] or pack["expires_at"] > leg["departed_at"]


def test_some_picks_are_half_done_and_open(healthy: Any) -> None:
    half = 0
    for _ in range(6):
        half += sum(
            0 < row["picked_qty"] < row["qty"] and row["pick_status"] == "OPEN" for row in healthy.site("releases")
        )
        healthy.twin.advance(1_800)
    assert half > 0


def test_substitutes_are_packed_only_where_the_customer_approved_them(healthy: Any) -> None:
    lines = {(row["order_no"], row["line_no"]): row for row in healthy.erp("sales-order-lines")}
    packed = [(row["item"], lines[row["order_no"], row["line_no"]]) for row in healthy.site("packs")]
    substituted = [(item, line) for item, line in packed if item != line["sku"]]
    assert substituted
    assert all(item == line["substitute_sku"] for item, line in substituted)


def test_a_few_deliveries_come_back_days_later_and_good_ones_go_into_stock(healthy: Any) -> None:
    legs = {row["shipment_no"]: row for row in healthy.site("shipments")}
    returns = healthy.site("returns")
    assert 5 < len(returns) < len(legs) // 10
    for row in returns:
        leg = legs[row["shipment_no"]]
        assert (row["order_no"], row["line_no"], row["item"]) == (leg["order_no"], leg["line_no"], leg["item"])
        assert 0 < row["qty"] <= leg["qty"]
        assert (row["received_at"] - leg["departed_at"]).days >= 4
    good_east = sum(row["qty"] for row in returns if row["node"] == "EAST" and row["condition"] == "GOOD")
    moved = [row for row in healthy.sql("WMS_EAST", "stock_movements") if row["movement_type"] == "RETURN"]
    assert good_east == sum(row["qty"] for row in moved) > 0


def test_moments_of_the_legacy_site_are_local_and_right_across_daylight_saving(healthy: Any) -> None:
    text = {row["pack_no"]: row["packed_at"] for row in healthy.north("PCK")}
    assert {moment[-6:] for moment in text.values()} == {"-06:00", "-05:00"}
    releases = {(row["order_no"], row["line_no"]): row for row in healthy.north("REL")}
    packs: dict[tuple[str, str], datetime] = {}
    for row in healthy.north("PCK"):
        line, moment = (row["order_no"], row["line_no"]), datetime.fromisoformat(row["packed_at"])
        packs[line] = max(moment, packs.get(line, moment))
    for line, moment in packs.items():
        assert datetime.fromisoformat(releases[line]["packed_at"]) == moment


def test_the_log_of_the_legacy_site_repeats_movements_and_is_not_in_order(healthy: Any) -> None:
    numbers = [row["movement_no"] for row in healthy.north("MOV")]
    assert len(set(numbers)) < len(numbers)
    assert numbers != sorted(numbers)
    assert len({tuple(row.items()) for row in healthy.north("MOV")}) == len(set(numbers))


def test_files_are_sent_again_under_another_name_and_a_batch_is_late(tmp_path: Path) -> None:
    with Twin.start(tmp_path, seed=23, history=False) as twin:
        outbound = tmp_path / "wms_north" / "outbound"
        seen: set[str] = set()
        for _ in range(30):  # from 06:00 to 21:00
            twin.advance(1_800)
            seen |= {path.name for path in outbound.glob("SHP_*")}
            for again in outbound.glob("SHP_*_R.csv"):
                first = again.with_name(again.name.replace("_R", ""))
                assert not first.exists() or first.read_text() == again.read_text()
    assert "SHP_20260302T193000Z.csv" not in seen
    assert {"SHP_20260302T190000Z.csv", "SHP_20260302T200000Z.csv"} <= seen
    assert sum(name.endswith("_R.csv") for name in seen) > 10
