"""Positions that were read at different times are compared at one moment, the earliest of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from fulfillment_pipelines.reconcile.example_lake import Row

SqlRunner = Callable[..., list[Mapping[str, Any]]]
ItemRunner = Callable[..., Mapping[str, Any]]

_STOCK = "30_reconcile/rec_stock_ledger.sql"


def _at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, 2, hour, minute, tzinfo=UTC)


def _feeds(erp: datetime, wms: datetime, **wms_changes: datetime) -> list[Row]:
    of_erp: list[Row] = [{"role": "erp", "contract": name, "as_of": erp} for name in ("stock_levels", "shipment_lines")]
    of_site: list[Row] = [
        {"role": "wms", "node": "EAST", "contract": name, "as_of": wms_changes.get(name, wms)}
        for name in ("stock_levels", "shipment_lines", "stock_movements")
    ]
    return of_erp + of_site


def _levels(erp: int, wms: int) -> Sequence[Row]:
    return [
        {"role": "erp", "on_hand_qty": erp, "available_qty": erp},
        {"role": "wms", "on_hand_qty": wms, "available_qty": wms},
    ]


@pytest.fixture
def only_item(run_sql: SqlRunner) -> ItemRunner:
    def run(**tables: Sequence[Row]) -> Mapping[str, Any]:
        (item,) = run_sql(_STOCK, tables)
        return item

    return run


@pytest.mark.parametrize("later", ["erp", "wms"])
def test_the_same_day_seen_at_two_moments_leaves_nothing(only_item: ItemRunner, later: str) -> None:
    """One leg of 20 leaves at 10:50 and is booked at 11:05, another of 5 leaves at 11:10 and is booked at 11:20."""
    on_hand = {"erp": {11: 100, 12: 75}, "wms": {11: 80, 12: 75}}
    hours = {"erp": 11, "wms": 11, later: 12}
    legs: list[Row] = [{"role": "wms", "shipped_qty": 20, "shipped_at": _at(10, 50)}]
    if hours["wms"] == 12:
        legs.append({"role": "wms", "shipment_id": "SH-2", "shipped_qty": 5, "shipped_at": _at(11, 10)})
    if hours["erp"] == 12:
        legs.append({"role": "erp", "shipped_qty": 20, "confirmed_at": _at(11, 5)})
        legs.append({"role": "erp", "shipment_id": "SH-2", "shipped_qty": 5, "confirmed_at": _at(11, 20)})
    item = only_item(
        rec_feeds=_feeds(_at(hours["erp"]), _at(hours["wms"])),
        canon_stock_levels=_levels(on_hand["erp"][hours["erp"]], on_hand["wms"][hours["wms"]]),
        canon_shipment_lines=legs,
    )
    assert (item["residual_on_hand_qty"], item["unconfirmed_qty"]) == (0, 20)
    assert (item["is_rolled"], item["cut_at"]) == (True, _at(11))


def test_movements_of_a_site_that_was_read_later_are_rolled_back(only_item: ItemRunner) -> None:
    item = only_item(
        rec_feeds=_feeds(_at(11), _at(12)),
        canon_stock_levels=_levels(100, 137),
        canon_stock_movements=[
            {"movement_id": "MV-1", "movement_qty": 40, "movement_type": "RECEIPT", "moved_at": _at(11, 10)},
            {"movement_id": "MV-2", "movement_qty": -3, "moved_at": _at(11, 40)},
        ],
    )
    assert (item["rolled_wms_qty"], item["residual_on_hand_qty"]) == (37, 0)


def test_a_movement_at_the_very_moment_of_the_reading_is_in_both_books(only_item: ItemRunner) -> None:
    item = only_item(
        rec_feeds=_feeds(_at(11), _at(12)),
        canon_stock_levels=_levels(100, 140),
        canon_stock_movements=[{"movement_qty": 40, "movement_type": "RECEIPT", "moved_at": _at(11)}],
    )
    assert (item["is_rolled"], item["cut_at"], item["residual_on_hand_qty"]) == (False, None, -40)


def test_movements_after_the_stock_was_read_are_not_rolled_back(only_item: ItemRunner) -> None:
    item = only_item(
        rec_feeds=_feeds(_at(11), _at(11), stock_movements=_at(12)),
        canon_stock_levels=_levels(100, 100),
        canon_stock_movements=[{"movement_qty": 40, "movement_type": "RECEIPT", "moved_at": _at(11, 30)}],
    )
    assert (item["is_rolled"], item["rolled_wms_qty"], item["residual_on_hand_qty"]) == (True, 0, 0)


def test_the_earliest_reading_of_any_feed_is_the_moment(only_item: ItemRunner) -> None:
    item = only_item(
        rec_feeds=_feeds(_at(12), _at(12), shipment_lines=_at(11)),
        canon_stock_levels=_levels(80, 80),
        canon_shipment_lines=[{"role": "erp", "shipped_qty": 20, "confirmed_at": _at(11, 30)}],
    )
    assert (item["cut_at"], item["rolled_erp_qty"], item["unconfirmed_qty"]) == (_at(11), -20, 0)


def test_adjustments_that_the_erp_tells_are_rolled_back_too(only_item: ItemRunner) -> None:
    item = only_item(
        rec_feeds=_feeds(_at(12), _at(11)),
        canon_stock_levels=_levels(92, 100),
        canon_stock_movements=[{"role": "erp", "movement_qty": -8, "moved_at": _at(11, 30)}],
    )
    assert (item["rolled_erp_qty"], item["residual_on_hand_qty"]) == (-8, 0)


def test_a_difference_older_than_the_readings_is_not_rolled_away(only_item: ItemRunner) -> None:
    item = only_item(
        rec_feeds=_feeds(_at(11), _at(12)),
        canon_stock_levels=_levels(90, 140),
        canon_stock_movements=[{"movement_qty": 40, "movement_type": "RECEIPT", "moved_at": _at(11, 10)}],
    )
    assert item["residual_on_hand_qty"] == -10


def test_readings_of_another_site_move_nothing(only_item: ItemRunner) -> None:
    feeds = [*_feeds(_at(12), _at(12)), {"role": "wms", "node": "WEST", "contract": "stock_levels", "as_of": _at(6)}]
    item = only_item(
        rec_feeds=feeds,
        canon_stock_levels=_levels(100, 140),
        canon_stock_movements=[{"movement_qty": 40, "movement_type": "RECEIPT", "moved_at": _at(11, 10)}],
    )
    assert (item["is_rolled"], item["residual_on_hand_qty"]) == (False, -40)


def test_reservations_of_orders_beyond_what_was_released_are_told_apart(only_item: ItemRunner) -> None:
    item = only_item(
        canon_stock_levels=[{"role": "erp", "available_qty": 70}, {"role": "wms", "available_qty": 55}],
        canon_order_lines=[{"ordered_qty": 30, "allocated_qty": 30}],
        canon_releases=[{"role": "wms", "released_qty": 30}],
        canon_reservations=[{"reserved_qty": 45}],
    )
    assert (item["misreserved_qty"], item["residual_available_qty"]) == (15, 0)


def test_what_is_set_aside_for_nobody_is_promised_falsely(only_item: ItemRunner) -> None:
    item = only_item(
        canon_stock_levels=[{"role": "erp", "available_qty": 70}, {"role": "wms", "available_qty": 55}],
        canon_order_lines=[{"ordered_qty": 30, "allocated_qty": 30}],
        canon_releases=[{"role": "wms", "released_qty": 30}],
        canon_reservations=[{"reserved_qty": 30}, {"order_id": None, "line_no": None, "reserved_qty": 15}],
    )
    assert (item["misreserved_qty"], item["residual_available_qty"]) == (0, 15)


def test_the_class_of_an_item_comes_with_its_position(only_item: ItemRunner) -> None:
    item = only_item(canon_stock_levels=_levels(1, 1), canon_items=[{"abc_class": "A"}])
    assert item["abc_class"] == "A"
