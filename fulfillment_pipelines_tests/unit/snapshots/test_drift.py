from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pytest

from fulfillment_pipelines.snapshots.decoding import DecodedSnapshot
from fulfillment_pipelines.snapshots.drift import DriftKind, differences
from fulfillment_pipelines.snapshots.scanning import ROW_NUMBER
from fulfillment_pipelines.snapshots.shapes import FeedShape, shape_of, value_class_of

Columns = Mapping[str, Sequence[str | None]]


def shape(
    columns: Columns, others: Columns | None = None, *, codes: Sequence[str] = (), optional: str = ""
) -> FeedShape:
    rows = len(next(iter(columns.values())))
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    table = table.add_column(0, ROW_NUMBER, pa.array(range(1, rows + 1), pa.int64()))
    undeclared = {name: tuple(values) for name, values in (others or {}).items()}
    return shape_of(DecodedSnapshot(table, (), undeclared), optional=optional.split(), codes=dict.fromkeys(codes, ()))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-2.50", "3e5"], "number"),
        (["1,5", "2,25"], "number 1234,56"),
        (["2026-03-01", None], "date 2026-12-31"),
        (["01.03.2026"], "date 31.12.2026"),
        (["3/1/2026"], "date 12/31/2026"),
        (["2026-03-01T10:00:00Z", "2026-03-01 10:00:00.123+02:00"], "instant 2026-12-31T23:59"),
        (["true", "False"], "boolean"),
        (["EA", "CS"], "text"),
        (['{"a": 1}'], "object"),
        (["[1, 2]"], "list"),
        ([None, "", "  "], ""),
        (["1", "2", "3", "4", "x"], "number"),
        (["1", "2", "3", "x"], "text"),
        ([], ""),
    ],
)
def test_values_are_of_the_class_that_nearly_all_of_them_have(values: list[str | None], expected: str) -> None:
    assert value_class_of(values) == expected


def test_typed_columns_tell_their_class_themselves() -> None:
    table = pa.table(
        {
            ROW_NUMBER: pa.array([1], pa.int64()),
            "qty": pa.array([1], pa.int32()),
            "price": pa.array([None], pa.decimal128(18, 4)),
            "sent_at": pa.array([None], pa.timestamp("us", "UTC")),
            "due": pa.array([None], pa.date32()),
            "open": pa.array([True]),
        }
    )
    classes = {field.name: field.value_class for field in shape_of(DecodedSnapshot(table, ())).fields}
    assert classes == {
        "qty": "number",
        "price": "number",
        "sent_at": "instant 2026-12-31T23:59",
        "due": "date 2026-12-31",
        "open": "boolean",
    }


def test_shape_holds_no_value_but_codes_and_survives_being_kept_as_text() -> None:
    told = shape({"name": ["Ada Lovelace", None], "state": ["OPEN", "HELD"]}, codes=["state"])
    kept = told.model_dump_json()
    assert "Ada" not in kept
    assert FeedShape.model_validate_json(kept) == told
    name, state = told.fields
    assert (name.null_percent, name.codes, state.codes) == (50, (), ("HELD", "OPEN"))


def test_null_share_is_told_of_all_rows_and_classes_of_rows_from_end_to_end() -> None:
    values: list[str | None] = [None] * 900 + ["7"] * 100
    (field,) = shape({"qty": values}).fields
    assert (field.null_percent, field.value_class) == (90, "number")


def test_the_same_shape_has_not_drifted() -> None:
    told = shape({"id": ["1", "2"], "uom": ["EA", None]}, {"colour": ["red"]})
    assert differences(told, told) == ()


def test_new_field_that_no_declaration_names_is_told_and_does_not_matter() -> None:
    (added,) = differences(shape({"id": ["1"]}), shape({"id": ["1"]}, {"colour": ["red"]}))
    assert (added.kind, added.field, added.found, added.matters) == (DriftKind.ADDED, "colour", "text", False)


def test_field_that_comes_in_the_place_of_another_is_a_renaming_when_its_values_say_so() -> None:
    agreed = shape({"id": ["1", "2"], "uom": ["EA", "CS"]}, optional="uom")
    found = shape({"id": ["1", "2"], "uom": [None, None]}, {"unit": ["EA", "CS"], "site": ["N", "S"]}, optional="uom")
    told = {(one.kind, one.field, one.found, one.matters) for one in differences(agreed, found, optional=["uom"])}
    assert told == {(DriftKind.RENAMED, "uom", "unit", True), (DriftKind.ADDED, "site", "text", False)}


def test_alike_name_with_other_values_is_no_renaming() -> None:
    agreed = shape({"id": ["1"], "ship_date": ["2026-03-01"]})
    found = shape({"id": ["1"]}, {"ship_state": ["LATE"]})
    assert {(one.kind, one.field) for one in differences(agreed, found)} == {
        (DriftKind.REMOVED, "ship_date"),
        (DriftKind.ADDED, "ship_state"),
    }


def test_each_field_is_renamed_once_and_the_surest_pair_counts() -> None:
    agreed = shape({"id": ["1"], "order_no": ["SO-1"], "order_number": ["SO-1"]})
    found = shape({"id": ["1"]}, {"order_nr": ["SO-1"]})
    renamed = [one for one in differences(agreed, found) if one.kind is DriftKind.RENAMED]
    assert [(one.field, one.found) for one in renamed] == [("order_no", "order_nr")]


@pytest.mark.parametrize(
    ("before", "after"), [(["1", "2"], ["one", "two"]), (["2026-03-01"], ["01.03.2026"]), (["1.5"], ["1,5"])]
)
def test_values_of_another_class_are_a_retyping(before: list[str], after: list[str]) -> None:
    (retyped,) = differences(shape({"field": before}), shape({"field": after}))
    assert (retyped.kind, retyped.field, retyped.matters) == (DriftKind.RETYPED, "field", True)
    assert (retyped.agreed, retyped.found) == (value_class_of(before), value_class_of(after))


def test_text_may_hold_anything_and_no_values_say_nothing() -> None:
    assert differences(shape({"po": ["PO-1"]}), shape({"po": ["4711"]})) == ()
    assert differences(shape({"po": ["4711"]}), shape({"po": [None]})) == ()
    assert differences(shape({"po": [None]}), shape({"po": ["4711"]})) == ()


def test_code_that_was_neither_declared_nor_seen_is_new() -> None:
    agreed = shape({"state": ["OPEN", "HELD"]}, codes=["state"])
    found = shape({"state": ["OPEN", "SHIPPED", "PARKED", "LOST"]}, codes=["state"])
    (new,) = differences(agreed, found, codes={"state": ("OPEN", "SHIPPED")})
    assert (new.kind, new.found, new.agreed) == (DriftKind.NEW_CODE, "LOST, PARKED", "HELD, OPEN, SHIPPED")


def test_optional_field_may_stay_away_and_an_answer_without_rows_says_nothing() -> None:
    agreed = shape({"id": ["1"], "note": ["x"]}, {"colour": ["red"]}, optional="note")
    assert (
        differences(
            agreed, shape({"id": ["1"], "note": [None]}, {"colour": ["red"]}, optional="note"), optional=["note"]
        )
        == ()
    )
    assert differences(agreed, shape({"id": []})) == ()


def test_field_that_always_had_a_value_and_has_none_any_more_is_emptied() -> None:
    agreed, found = shape({"qty": ["1"] * 30}), shape({"qty": [None] * 30})
    (emptied,) = differences(agreed, found)
    assert (emptied.kind, emptied.field, emptied.matters) == (DriftKind.EMPTIED, "qty", True)
    assert differences(shape({"qty": ["1", None] * 15}), found) == ()
    assert differences(agreed, shape({"qty": [None] * 10})) == (), "too few rows to tell"
    assert differences(agreed, found, optional=["qty"]) == ()


def test_identifier_of_digits_is_text_since_the_next_one_may_have_letters() -> None:
    table = pa.table({ROW_NUMBER: pa.array([1], pa.int64()), "order_no": ["4711"], "qty": ["3"]})
    told = shape_of(DecodedSnapshot(table, ()), key=["order_no"])
    assert [(one.name, one.value_class) for one in told.fields] == [("order_no", "text"), ("qty", "number")]
