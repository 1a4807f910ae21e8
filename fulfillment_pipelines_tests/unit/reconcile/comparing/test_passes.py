from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.reconcile.comparing.passes import Comparing, Comparison
from fulfillment_pipelines.reconcile.comparing.terms import Terms
from fulfillment_pipelines.warehouse import Connection, scratch

CENT = Decimal("0.01")
HALF_A_CENT = {"amount": Decimal("0.005")}
Compare = Callable[..., Comparison]


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    warehouse = scratch()
    with warehouse.reading() as cursor:
        yield cursor
    warehouse.close()


def _parquet(path: Path, rows: Sequence[Mapping[str, Any]], *, row_group_size: int = 100) -> str:
    schema = pa.schema(
        [("order_id", pa.string()), ("line_no", pa.int32()), ("amount", pa.decimal128(14, 4)), ("status", pa.string())]
    )
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path, row_group_size=row_group_size)
    return str(path)


@pytest.fixture
def compare(connection: Connection, tmp_path: Path) -> Compare:
    """Compare two lists of order lines as Parquet files."""

    def run(
        left: Sequence[Mapping[str, Any]],
        right: Sequence[Mapping[str, Any]],
        *,
        rows_a_range: int = 1_000_000,
        row_group_size: int = 100,
        **terms: Any,
    ) -> Comparison:
        files = [
            _parquet(tmp_path / name, rows, row_group_size=row_group_size)
            for name, rows in (("left.parquet", left), ("right.parquet", right))
        ]
        agreed = Terms(**({"key": ("order_id", "line_no")} | terms))
        return Comparing(connection, files[0], files[1], agreed).run(rows_a_range=rows_a_range)

    return run


def _line(number: int, amount: str = "10.0000", status: str = "OPEN", line_no: int | None = 1) -> dict[str, Any]:
    return {"order_id": f"SO-{number:06}", "line_no": line_no, "amount": Decimal(amount), "status": status}


def _changed(compared: Comparison) -> dict[str, int]:
    return {field.name: field.changed_rows for field in compared.fields if field.changed_rows}


def test_every_kind_of_difference_is_counted_and_shown(compare: Compare) -> None:
    left = [_line(1), _line(2), _line(3), _line(4)]
    right = [_line(1), _line(2, status="SHIPPED"), _line(4, amount="10.01", status="SHIPPED"), _line(5)]
    compared = compare(left, right)
    assert (compared.same_rows, compared.changed_rows, compared.missing_rows, compared.extra_rows) == (1, 2, 1, 1)
    assert _changed(compared) == {"amount": 1, "status": 2}
    assert compared.missing_samples == ({"order_id": "SO-000003", "line_no": 1},)
    assert compared.extra_samples == ({"order_id": "SO-000005", "line_no": 1},)
    (status,) = (field for field in compared.fields if field.name == "status")
    assert status.samples[0] == {"order_id": "SO-000002", "line_no": 1, "left_value": "OPEN", "right_value": "SHIPPED"}
    assert not compared.is_same


def test_a_table_is_the_same_as_itself_in_another_order(compare: Compare) -> None:
    lines = [_line(number) for number in range(5)]
    assert compare(lines, lines[::-1]).is_same


@pytest.mark.parametrize(("amount", "changed"), [("10.0050", 0), ("10.0051", 1), ("9.9950", 0), ("9.9949", 1)])
def test_a_tolerance_is_exact_at_its_edge(compare: Compare, amount: str, changed: int) -> None:
    compared = compare([_line(1)], [_line(1, amount=amount)], tolerances=HALF_A_CENT)
    assert compared.changed_rows == changed


def test_a_value_is_not_the_same_as_none_and_none_is_the_same_as_none(compare: Compare) -> None:
    none, some = _line(1) | {"amount": None}, _line(1)
    for tolerances in ({}, HALF_A_CENT):
        assert compare([none], [some], tolerances=tolerances).changed_rows == 1
        assert compare([none], [none], tolerances=tolerances).is_same


def test_keys_that_repeat_are_reported_and_not_multiplied(compare: Compare) -> None:
    twice, thrice = [_line(1)] * 2, [_line(1)] * 3
    compared = compare([*twice, _line(2), _line(3)], [*thrice, _line(2), _line(3, status="SHIPPED")])
    assert (compared.duplicate_keys, compared.duplicate_left_rows, compared.duplicate_right_rows) == (1, 2, 3)
    assert (compared.same_rows, compared.changed_rows, compared.missing_rows, compared.extra_rows) == (1, 1, 0, 0)
    assert compared.duplicate_samples == ({"order_id": "SO-000001", "line_no": 1},)


def test_a_key_that_repeats_on_one_side_only_is_no_missing_row(compare: Compare) -> None:
    compared = compare([_line(1), _line(1), _line(2)], [_line(2)])
    assert (compared.duplicate_left_rows, compared.duplicate_right_rows, compared.missing_rows) == (2, 0, 0)


def test_one_key_for_all_rows_does_not_multiply_them(compare: Compare) -> None:
    compared = compare([_line(1)] * 20_000, [_line(1)] * 20_000, row_group_size=5_000)
    assert (compared.duplicate_keys, compared.duplicate_left_rows, compared.same_rows) == (1, 20_000, 0)


def test_rows_without_a_whole_key_are_counted_apart(compare: Compare) -> None:
    compared = compare([_line(1, line_no=None), _line(2)], [_line(1, line_no=None), _line(1, line_no=None), _line(2)])
    assert (compared.keyless_left_rows, compared.keyless_right_rows, compared.same_rows) == (1, 2, 1)


def _random_tables(seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    chance = Random(seed)
    left, right = [], []
    for number in range(1_500):
        line = _line(number, f"{chance.randrange(10**6) / 100:.4f}", chance.choice(["OPEN", "SHIPPED"]))
        left += [line] * chance.choices([0, 1, 2], weights=(5, 90, 5))[0]
        other = line if chance.random() < 0.7 else line | {"amount": line["amount"] + chance.choice([CENT, CENT / 4])}
        other = other if chance.random() < 0.9 else other | {"status": chance.choice(["OPEN", None])}
        right += [other] * chance.choices([0, 1, 3], weights=(5, 90, 5))[0]
        if chance.random() < 0.02:
            left.append(_line(number, line_no=None))
    return left, right


def _expected(left: Sequence[Mapping[str, Any]], right: Sequence[Mapping[str, Any]]) -> tuple[int, int, int, int, int]:
    """Compare in plain Python: same, changed, missing, extra, keys that repeat."""
    sides: list[dict[object, list[Mapping[str, Any]]]] = [{}, {}]
    for grouped, rows in zip(sides, (left, right), strict=True):
        for row in rows:
            if row["line_no"] is not None:
                grouped.setdefault((row["order_id"], row["line_no"]), []).append(row)
    lefts, rights = sides
    repeating = {key for grouped in sides for key, rows in grouped.items() if len(rows) > 1}
    shared = (lefts.keys() & rights.keys()) - repeating
    same = sum(_is_same(lefts[key][0], rights[key][0]) for key in shared)
    alone = [len(one.keys() - other.keys() - repeating) for one, other in ((lefts, rights), (rights, lefts))]
    return same, len(shared) - same, *alone, len(repeating)


def _is_same(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return abs(left["amount"] - right["amount"]) <= HALF_A_CENT["amount"] and left["status"] == right["status"]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("rows_a_range", [400, 10_000])
def test_ranges_give_what_one_look_at_everything_gives(compare: Compare, seed: int, rows_a_range: int) -> None:
    left, right = _random_tables(seed)
    compared = compare(left, right, rows_a_range=rows_a_range, tolerances=HALF_A_CENT)
    counts = (compared.same_rows, compared.changed_rows, compared.missing_rows, compared.extra_rows)
    assert (*counts, compared.duplicate_keys) == _expected(left, right)


def test_a_table_that_is_not_sorted_is_compared_in_one_piece(compare: Compare) -> None:
    left, right = _random_tables(5)
    Random(5).shuffle(left)
    compared = compare(left, right, rows_a_range=100, tolerances=HALF_A_CENT)
    assert (compared.same_rows, compared.changed_rows) == _expected(left, right)[:2]


def test_sorted_tables_are_compared_range_by_range(connection: Connection, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    file = _parquet(tmp_path / "lines.parquet", [_line(number) for number in range(5_000)])
    terms = Terms(key=("order_id", "line_no"))
    Comparing(connection, file, file, terms).run(rows_a_range=1_000, progress=lambda done, of: told.append((done, of)))
    assert told[0][1] > 2
    assert told[-1][0] == told[-1][1]


def test_all_differences_are_written_one_row_for_each_field(connection: Connection, tmp_path: Path) -> None:
    left = _parquet(tmp_path / "l.parquet", [_line(1), _line(2), _line(3), _line(3)])
    right = _parquet(tmp_path / "r.parquet", [_line(1, amount="11", status="SHIPPED"), _line(4), _line(3)])
    comparing = Comparing(connection, left, right, Terms(key=("order_id", "line_no")))
    comparing.run()
    comparing.write_differences(tmp_path / "differences.csv")
    names = ("kind", "order_id", "field", "left_value", "right_value")
    with (tmp_path / "differences.csv").open(encoding="utf-8") as file:
        rows = sorted(tuple(row[name] for name in names) for row in csv.DictReader(file))
    assert rows == [
        ("changed", "SO-000001", "amount", "10.0000", "11.0000"),
        ("changed", "SO-000001", "status", "OPEN", "SHIPPED"),
        ("duplicate", "SO-000003", "", "2", "1"),
        ("extra", "SO-000004", "", "", ""),
        ("missing", "SO-000002", "", "", ""),
    ]


def test_a_csv_file_is_compared_with_a_parquet_file_without_binary_numbers(
    connection: Connection, tmp_path: Path
) -> None:
    (tmp_path / "old.csv").write_text(
        "order,line_no,amount,status\nSO-1,1,0.1,OPEN\nSO-2,1,0.3,OPEN\n", encoding="utf-8"
    )
    right = _parquet(
        tmp_path / "new.parquet",
        [
            {"order_id": "SO-1", "line_no": 1, "amount": Decimal("0.1000"), "status": "OPEN"},
            {"order_id": "SO-2", "line_no": 1, "amount": Decimal("0.3001"), "status": "OPEN"},
        ],
    )
    terms = Terms(key=("order", "line_no"), renamed={"order_id": "order"})
    compared = Comparing(connection, str(tmp_path / "old.csv"), right, terms).run()
    assert (compared.same_rows, _changed(compared), compared.not_exact) == (1, {"amount": 1}, ())


def test_columns_that_one_side_lacks_are_told_and_what_is_ignored_is_not(
    connection: Connection, tmp_path: Path
) -> None:
    for name, text in (("l.csv", "id,a,loaded_at\n1,x,2026\n"), ("r.csv", "id,b\n1,y\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    files = str(tmp_path / "l.csv"), str(tmp_path / "r.csv")
    compared = Comparing(connection, *files, Terms(key=("id",), ignored=frozenset({"loaded_at"}))).run()
    assert (compared.only_left, compared.only_right, compared.is_same) == (("a",), ("b",), False)


@pytest.mark.parametrize(
    ("terms", "option"),
    [
        ({"key": ("order",)}, "--key"),
        ({"key": ()}, "--key"),
        ({"tolerances": {"amonut": CENT}}, "--tolerance"),
        ({"ignored": frozenset({"x"})}, "--ignore"),
        ({"renamed": {"x": "amount"}}, "--rename"),
    ],
)
def test_a_column_that_is_not_there_is_told_with_its_option(
    compare: Compare, terms: dict[str, Any], option: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"{option} names no column"):
        compare([_line(1)], [_line(1)], **terms)


def test_a_tolerance_for_a_text_is_refused(compare: Compare) -> None:
    with pytest.raises(ConfigurationError, match="status cannot be compared with a tolerance"):
        compare([_line(1)], [_line(1)], tolerances={"status": CENT})


def test_what_is_not_there_or_no_table_is_told(connection: Connection, tmp_path: Path) -> None:
    terms = Terms(key=("id",))
    with pytest.raises(ConfigurationError, match=r"There is no .*gone\.parquet"):
        Comparing(connection, str(tmp_path / "gone.parquet"), str(tmp_path / "gone.parquet"), terms)
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"no parquet at all")
    with pytest.raises(BadDataError, match="cannot be read"):
        Comparing(connection, str(broken), str(broken), terms)
