"""Tables are for people and whole where it matters; JSON is JSON, whatever a query returns."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from fulfillment_pipelines.commands.output import show_error, show_json, show_rows
from fulfillment_pipelines.errors import BadDataError, ConfigurationError

CASE = "EXC-0123456789abcdef"


def _refuse(constant: str) -> None:
    pytest.fail(f"{constant} is not JSON")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("10.50"), "10.50"),
        (datetime(2026, 3, 2, 12, tzinfo=UTC), "2026-03-02T12:00:00+00:00"),
        (date(2026, 3, 2), "2026-03-02"),
        (time(10, 30), "10:30:00"),
        (timedelta(minutes=90), "1:30:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"\x00\xff", "00ff"),
        (Path("data"), "data"),
        (frozenset({"b", "a"}), ["a", "b"]),
        (("a", 1), ["a", 1]),
        ({"nested": [Decimal(1), None, True]}, {"nested": ["1", None, True]}),
        (float("nan"), None),
        ([{"ratio": float("inf")}], [{"ratio": None}]),
        (0.25, 0.25),
        ("Müller [bold]", "Müller [bold]"),
    ],
)
def test_what_a_query_may_return_has_a_json_form(
    value: object, expected: object, capsys: pytest.CaptureFixture[str]
) -> None:
    show_json({"value": value})
    assert json.loads(capsys.readouterr().out, parse_constant=_refuse) == {"value": expected}


def test_what_has_no_form_is_an_error_and_not_a_guess() -> None:
    with pytest.raises(TypeError, match="object has no JSON form"):
        show_json(object())


def test_rows_are_a_table_whose_columns_are_the_first_rows_names(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows("Orders", [{"order_id": "SO-1", "open_qty": 1234, "is_held": True, "note": None}], as_json=False)
    shown = capsys.readouterr().out
    for part in ("Orders", "order id", "open qty", "SO-1", "1,234", "yes"):
        assert part in shown
    assert "None" not in shown


def test_no_rows_are_told_in_words_and_as_an_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows("Exceptions", [], as_json=False, empty="no open case")
    show_rows("Exceptions", [], as_json=True)
    assert capsys.readouterr().out == "Exceptions: no open case\n[]\n"


def test_an_identity_is_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"case_id": CASE, **{f"column_{number}": "a long text " * 4 for number in range(12)}}
    show_rows("Exceptions", [row], as_json=False)
    assert CASE in capsys.readouterr().out


def test_brackets_in_a_value_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows("Found", [{"text": "[red]alarm[/]"}], as_json=False)
    show_error(BadDataError("row [3] is [bold]wrong[/]"))
    said = capsys.readouterr()
    assert "[red]alarm[/]" in said.out
    assert "row [3] is [bold]wrong[/]" in said.err


def test_an_error_is_four_lines_whatever_the_width(capsys: pytest.CaptureFixture[str]) -> None:
    path = "/" + "/".join(["folder"] * 40)
    code = show_error(BadDataError("what", expected="a file", found=path, remedy=f"correct {path}"))
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "Error     what",
        "Expected  a file",
        f"Found     {path}",
        f"Remedy    correct {path}",
    ]
    assert code == 1


def test_what_a_person_must_configure_ends_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_error(ConfigurationError("what")) == 2
    assert capsys.readouterr().err == "Error     what\n"
