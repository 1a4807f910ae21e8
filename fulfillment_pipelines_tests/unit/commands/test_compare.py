from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.commands.opening import opened_platform

OLD = "order_id,line_no,amount\nSO-1,1,10.00\nSO-1,2,5.00\nSO-2,1,7.00\n"
NEW = "order_id,line_no,amount\nSO-1,1,10.004\nSO-1,2,6.00\nSO-3,1,7.00\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    for name, text in (("old.csv", OLD), ("new.csv", NEW)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return str(tmp_path / "old.csv"), str(tmp_path / "new.csv")


def test_what_differs_is_told_and_the_command_fails(fulfillment: Callable[..., Any], files: tuple[str, str]) -> None:
    said = fulfillment("compare", *files, "--key", "order_id,line_no", "--tolerance", "amount=0.005", "--json")
    told = said.json()
    assert said.exit_code == 1
    assert [told[name] for name in ("same_rows", "changed_rows", "missing_rows", "extra_rows")] == [1, 1, 1, 1]
    assert told["fields"][0]["samples"][0]["order_id"] == "SO-1"


def test_tables_without_a_difference_end_the_command_well(
    fulfillment: Callable[..., Any], files: tuple[str, str]
) -> None:
    said = fulfillment("compare", files[0], files[0], "--key", "order_id,line_no")
    assert said.exit_code == 0
    assert "Changed fields: none" in said.stdout


def test_the_differences_are_shown_and_written(
    fulfillment: Callable[..., Any], files: tuple[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "differences.csv"
    said = fulfillment("compare", *files, "--key", "order_id,line_no", "--out", str(out))
    assert "Changed amount" in said.stdout
    assert len(out.read_text(encoding="utf-8").splitlines()) == 1 + 2 + 1 + 1


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--tolerance", "amount"), "cannot be read"),
        (("--tolerance", "amount=much"), "no number"),
        (("--tolerance", "amount=-1"), "no number"),
        (("--rename", "amount"), "cannot be read"),
        (("--out", "differences.xlsx"), "not known how to write"),
    ],
)
def test_an_option_that_makes_no_sense_is_told(
    fulfillment: Callable[..., Any], files: tuple[str, str], words: tuple[str, str], what: str
) -> None:
    said = fulfillment("compare", *files, "--key", "order_id,line_no", *words)
    assert said.exit_code == 2
    assert what in said.stderr


def test_a_table_of_the_lake_is_compared_with_a_file(fulfillment: Callable[..., Any], files: tuple[str, str]) -> None:
    with opened_platform(None) as platform:
        platform.warehouse.write(
            lambda cursor: cursor.execute(
                "create table lake.main.snap_erp__lines as from read_csv($path)", {"path": files[0]}
            )
        )
    said = fulfillment("compare", "erp/lines", files[1], "--key", "order_id,line_no", "--json")
    assert said.exit_code == 1
    assert said.json()["left_rows"] == 3
