"""Asking first which keys are sent again and which units are used changes what checking costs, and no verdict."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.canonical.row_checks import (
    Told,
    checking_select,
    descents_select,
    other_units_select,
    repeated_keys_select,
)
from fulfillment_pipelines.warehouse import Connection, Warehouse, create_view, scalar

_CONTRACT = CONTRACTS["stock_levels"]
_VALUES: dict[str, list[str | None]] = {
    "sku": ["WIDGET", "GADGET", " WIDGET", "WIDGET\u2003", "", None],
    "node": ["EAST", None],
    "uom": ["EA", "CS", "ZZ", None],
    "on_hand_qty": ["1", "2", "many", ""],
}
_ROWS = st.lists(st.fixed_dictionaries({name: st.sampled_from(values) for name, values in _VALUES.items()}), max_size=6)


def _show(cursor: Connection, rows: list[dict[str, str | None]]) -> None:
    columns = {
        column.name: pa.array([row.get(column.name) for row in rows], pa.string()) for column in _CONTRACT.columns
    }
    cursor.register("sent", pa.table({"landed_row_no": pa.array(range(1, len(rows) + 1), pa.int64()), **columns}))
    create_view(cursor, "mapped", "from sent")


def _asked(cursor: Connection) -> Told:
    cursor.execute("create or replace temp table sent_again as " + repeated_keys_select(_CONTRACT))
    return Told(
        repeated="sent_again" if scalar(cursor, "select count(*) from sent_again") else None,
        has_other_units=scalar(cursor, other_units_select()) > 0,
    )


def _checked(cursor: Connection, told: Told) -> list[tuple[object, ...]]:
    return cursor.execute(checking_select(_CONTRACT, told) + " order by landed_row_no").fetchall()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_ROWS)
def test_what_was_asked_first_changes_no_verdict(rows: list[dict[str, str | None]], stage: Warehouse) -> None:
    with stage.reading() as cursor:
        _show(cursor, rows)
        assert _checked(cursor, _asked(cursor)) == _checked(cursor, Told())


@pytest.mark.parametrize(
    ("rows", "is_repeated", "has_other_units"),
    [
        ([("WIDGET", "EA"), ("GADGET", "EA")], False, False),
        ([("WIDGET", "EA"), ("WIDGET ", "EA")], True, False),
        ([("WIDGET", "CS")], False, True),
        ([("WIDGET", None)], False, False),
    ],
    ids=["all in order", "a key sent again", "an item's own unit", "no unit"],
)
def test_only_what_needs_a_closer_look_is_told(
    rows: list[tuple[str, str | None]], is_repeated: bool, has_other_units: bool, stage: Warehouse
) -> None:
    with stage.reading() as cursor:
        _show(cursor, [{"sku": sku, "node": "EAST", "uom": uom, "on_hand_qty": "1"} for sku, uom in rows])
        told = _asked(cursor)
    assert (told.repeated is not None, told.has_other_units) == (is_repeated, has_other_units)


@pytest.mark.parametrize(
    ("keys", "descents"),
    [
        ([("EAST", "GADGET"), ("EAST", "WIDGET"), ("WEST", "GADGET")], 0),
        ([("EAST", "WIDGET"), ("EAST", "GADGET")], 1),
        ([("EAST", "WIDGET"), ("EAST", "WIDGET ")], 1),
        ([("EAST", None), ("EAST", None)], 1),
        ([("EAST", "WID/GET")], 1),
    ],
    ids=["in order", "out of order", "sent again", "without a key", "with the separator"],
)
def test_keys_that_ascend_are_seen_to_stand_once(
    keys: list[tuple[str, str | None]], descents: int, stage: Warehouse
) -> None:
    with stage.reading() as cursor:
        _show(cursor, [{"node": node, "sku": sku, "uom": "EA", "on_hand_qty": "1"} for node, sku in keys])
        assert scalar(cursor, descents_select(_CONTRACT)) == descents
