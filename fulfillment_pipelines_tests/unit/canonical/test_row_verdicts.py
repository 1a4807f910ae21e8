"""Great Expectations and the row pass, row by row: the same rows fail the same checks, for every contract."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.canonical.expectations import LandedCounts, Validator
from fulfillment_pipelines.canonical.row_checks import Check, CheckKind, checks_of, failed_check_ids
from fulfillment_pipelines.canonical.vocabulary import Column, ColumnType, Contract
from fulfillment_pipelines.warehouse import Warehouse

StageRows = Callable[[Contract, Sequence[Mapping[str, object]]], None]
Row = dict[str, str | None]
_GOOD_TEXT = {
    ColumnType.INTEGER: "7",
    ColumnType.QUANTITY: "2.5",
    ColumnType.AMOUNT: "10.25",
    ColumnType.PRICE: "0.3333",
    ColumnType.INSTANT: "2026-03-02T12:00:00Z",
    ColumnType.TEXT: "A",
}
_ODD_TEXT = ("", "  ", "n/a", "-3", "0", "12,5", "2026-02-30", "2026-03-01T00:00:00Z", "PALLET", "a", None)
_RANDOM_ROWS = 150


def _good_row(contract: Contract, number: int) -> Row:
    row: Row = {column.name: _good_value(column) for column in contract.columns}
    return row | {name: _key_value(contract.column(name), number) for name in contract.key}


def _good_value(column: Column) -> str:
    named = {"uom": "EA", "sku": "GADGET"}.get(column.name)
    return named or next(iter(column.codes), _GOOD_TEXT[column.type])


def _key_value(column: Column, number: int) -> str:
    """A value of its own for each number, as far as the column has so many."""
    if column.codes:
        return column.codes[number % len(column.codes)]
    match column.type:
        case ColumnType.TEXT:
            return "EA" if column.name == "uom" else f"K-{number}"
        case ColumnType.INSTANT:
            return f"2026-03-02T{number // 60 % 24:02d}:{number % 60:02d}:00Z"
        case _:
            return str(number)


def _breaking_rows(contract: Contract, check: Check, number: int) -> list[Row]:
    """Rows that break one check, and whatever else hangs together with it."""
    name = check.columns[0]
    if check.kind is CheckKind.UNIQUE:
        row = _good_row(contract, number)
        return [row, row | _otherwise(contract)]
    breaks: dict[CheckKind, list[Row]] = {
        CheckKind.REQUIRED: [{name: None}, {name: "  "}],
        CheckKind.TYPE: [{name: "n/a"}],
        CheckKind.CODES: [{name: "NO SUCH CODE"}],
        CheckKind.UNIT: [{name: "CS"}, {name: "PALLET"}],
        CheckKind.ORDER: [{name: "2026-03-03T12:00:00Z", check.columns[-1]: "2026-03-02T12:00:00Z"}],
    }
    if check.kind is CheckKind.MINIMUM:
        breaks[check.kind] = [{name: str((contract.column(name).minimum or 0) - 1)}]
    return [_good_row(contract, number + offset) | broken for offset, broken in enumerate(breaks[check.kind])]


def _rest(contract: Contract) -> list[Column]:
    """The columns beside the key."""
    return [column for column in contract.columns if column.name not in contract.key]


def _otherwise(contract: Contract) -> Row:
    """Another content under the same key, as far as there is any beside it."""
    column = next(iter(_rest(contract)), None)
    if column is None:
        return {}
    other = {ColumnType.TEXT: "B", ColumnType.INSTANT: "2026-03-05T12:00:00Z"}.get(column.type, "11")
    return {column.name: column.codes[-1] if column.codes else other}


def _rows_of_all_kinds(contract: Contract) -> list[Row]:
    """Good rows, rows that break each check, rows of chance, and some of all of them sent again."""
    chance = random.Random(contract.name)
    rows = [_good_row(contract, number) for number in range(40)]
    for position, check in enumerate(checks_of(contract)):
        rows += _breaking_rows(contract, check, 100 + 2 * position)
    for number in range(300, 300 + _RANDOM_ROWS):
        row = _good_row(contract, number if chance.random() < 0.8 else 300)
        for column in chance.sample(contract.columns, chance.randint(0, 3)):
            row[column.name] = chance.choice(_ODD_TEXT)
        rows.append(row)
    rows += chance.sample(rows, 20)
    chance.shuffle(rows)
    return rows


def _failed_by_row_pass(stage: Warehouse, contract: Contract) -> dict[str, frozenset[int]]:
    found = stage.query("select landed_row_no, failed_mask from memory.main.checked_rows where not is_repeat")
    failed: dict[str, set[int]] = {check.check_id: set() for check in checks_of(contract)}
    for number, mask in zip(found.column(0).to_pylist(), found.column(1).to_pylist(), strict=True):
        for check_id in failed_check_ids(contract, mask):
            failed[check_id].add(number)
    return {check_id: frozenset(rows) for check_id, rows in failed.items()}


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_the_same_rows_fail_the_same_checks_in_great_expectations_and_in_the_row_pass(
    contract: Contract, stage: Warehouse, stage_rows: StageRows, validator: Validator
) -> None:
    rows = _rows_of_all_kinds(contract)
    stage_rows(contract, rows)

    in_sql = _failed_by_row_pass(stage, contract)

    assert validator.failing_rows(contract) == in_sql
    # Where every column is of the key, no row can contradict another.
    breakable = [check_id for check_id in in_sql if check_id != "key:unique" or _rest(contract)]
    assert [check_id for check_id in breakable if not 0 < len(in_sql[check_id]) < len(rows)] == []
    counted = validator.validate_metrics(contract, LandedCounts(len(rows)))
    assert {outcome.check_id: outcome.unexpected_rows for outcome in counted if outcome.check_id in in_sql} == {
        check_id: len(failed) for check_id, failed in in_sql.items()
    }
    assert all(outcome.is_passed == (outcome.unexpected_rows == 0) for outcome in counted)


@given(data=st.data())
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_rows_fail_whatever_is_sent(
    data: st.DataObject, stage: Warehouse, stage_rows: StageRows, validator: Validator
) -> None:
    contract = data.draw(st.sampled_from(list(CONTRACTS.values())))
    text = st.one_of(
        st.none(), st.text(max_size=4), st.sampled_from(_ODD_TEXT), st.sampled_from(list(_GOOD_TEXT.values()))
    )
    row = st.fixed_dictionaries({column.name: st.just(_good_value(column)) | text for column in contract.columns})
    rows = data.draw(st.lists(row, max_size=6))
    stage_rows(contract, rows)

    assert validator.failing_rows(contract) == _failed_by_row_pass(stage, contract)
    counts = LandedCounts(len(rows))
    assert validator.validate_metrics(contract, counts) == validator.validate_rows(contract, counts)
