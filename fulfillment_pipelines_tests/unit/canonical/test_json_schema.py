from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.canonical.json_schema import contract_schema, contracts_markdown
from fulfillment_pipelines.canonical.row_checks import CheckKind, checks_of, failed_check_ids
from fulfillment_pipelines.canonical.vocabulary import Column, ColumnType, Contract
from fulfillment_pipelines.warehouse import Warehouse

StageRows = Callable[[Contract, Sequence[Mapping[str, object]]], None]
LINE = {
    "order_id": "SO-1",
    "line_no": 1,
    "sku": "WIDGET",
    "uom": "EA",
    "ordered_qty": "2.5",
    "cancelled_qty": "0",
    "unit_price": "9.9900",
    "currency": "USD",
}


def _validator(contract: Contract) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(
        contract_schema(contract), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_every_contract_gives_a_schema_of_draft_2020_12(contract: Contract) -> None:
    jsonschema.Draft202012Validator.check_schema(contract_schema(contract))


def test_a_row_that_keeps_its_contract_fits() -> None:
    _validator(CONTRACTS["order_lines"]).validate(LINE | {"node": None, "promised_at": "2026-03-02T12:00:00Z"})


@pytest.mark.parametrize(
    "change",
    [
        {"order_id": ""},
        {"order_id": "  "},
        {"order_id": None},
        {"line_no": 0},
        {"line_no": "one"},
        {"ordered_qty": "-1"},
        {"ordered_qty": "1,5"},
        {"ordered_qty": 1.1},
        {"ordered_qty": "123456789012345"},
        {"unit_price": "0.00001"},
        {"freight_amount": "1.005"},
    ],
    ids=str,
)
def test_a_row_that_breaks_its_contract_does_not_fit(change: Mapping[str, object]) -> None:
    assert not _validator(CONTRACTS["order_lines"]).is_valid(LINE | change)


def test_a_missing_field_does_not_fit() -> None:
    assert not _validator(CONTRACTS["order_lines"]).is_valid({name: LINE[name] for name in LINE if name != "sku"})


def test_a_code_that_is_not_declared_does_not_fit() -> None:
    hold = {"hold_id": "H", "order_id": "SO-1", "hold_type": "CREDIT", "status": "CREATED", "placed_by": "finance"}
    hold |= {"placed_at": "2026-03-02T12:00:00Z"}

    assert _validator(CONTRACTS["holds"]).is_valid(hold)
    assert not _validator(CONTRACTS["holds"]).is_valid(hold | {"hold_type": "FRAUD"})


def _candidates(column: Column) -> st.SearchStrategy[object]:
    texts = ["", " ", "A", "EA", "0", "1", "-1", "2.5", "-0.5", "1e3", "1.23456", "999999999999999", *column.codes]
    instants = ["2026-03-02T12:00:00Z", "2026-03-02T12:00:00+05:30", "2026-03-02", "noon"]
    likely = instants if column.type is ColumnType.INSTANT else texts
    return st.one_of(st.sampled_from([*likely, None, 0, 1, -1]), st.sampled_from(likely))


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
@given(data=st.data())
@settings(max_examples=10, deadline=None, derandomize=True)
def test_a_field_that_fits_the_schema_passes_its_checks(
    data: st.DataObject, contract: Contract, stage: Warehouse, stage_rows: StageRows
) -> None:
    row = data.draw(st.fixed_dictionaries({column.name: _candidates(column) for column in contract.columns}))
    bad_fields = {str(error.path[0]) for error in _validator(contract).iter_errors(row)}
    stage_rows(contract, [{name: None if value is None else str(value) for name, value in row.items()}])

    mask = stage.query("select failed_mask from memory.main.checked_rows").column(0)[0].as_py()

    checks = {check.check_id: check for check in checks_of(contract)}
    failed = [checks[check_id] for check_id in failed_check_ids(contract, mask)]
    of_one_field = (CheckKind.REQUIRED, CheckKind.TYPE, CheckKind.CODES, CheckKind.MINIMUM)
    assert {check.columns[0] for check in failed if check.kind in of_one_field} <= bad_fields


def test_what_a_schema_cannot_say_is_said_in_words() -> None:
    assert "placed_at<=resolved_at" in str(contract_schema(CONTRACTS["holds"])["$comment"])


def test_the_documentation_names_every_column_and_code_of_every_contract() -> None:
    text = contracts_markdown()

    for contract in CONTRACTS.values():
        section = text[text.index(f"## {contract.name} ") :].split("\n## ")[0]
        for column in contract.columns:
            assert f"| `{column.name}` |" in section
            assert column.about in section
            assert all(f"`{code}`" in section for code in column.codes)
