from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import jsonschema
import pytest

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.canonical.json_schema import contract_schema, contracts_markdown
from fulfillment_pipelines.canonical.row_checks import CheckKind, checks_of, failed_check_ids
from fulfillment_pipelines.canonical.vocabulary import Column, Contract
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
    assert not _validator(CONTRACTS["order_lines"]).is_valid({name: LINE[name] for name in LINE if name != "uom"})


def test_a_code_that_is_not_declared_does_not_fit() -> None:
    hold = {"hold_id": "H", "order_id": "SO-1", "hold_type": "CREDIT", "status": "CREATED", "placed_by": "finance"}
    hold |= {"placed_at": "2026-03-02T12:00:00Z"}

    assert _validator(CONTRACTS["holds"]).is_valid(hold)
    assert not _validator(CONTRACTS["holds"]).is_valid(hold | {"hold_type": "FRAUD"})


def _candidates(column: Column) -> list[object]:
    texts = ["", " ", "A", "EA", "0", "1", "-1", "2.5", "-0.5", "1e3", "1.23456", "999999999999999", "noon"]
    instants = ["2026-03-02T12:00:00Z", "2026-03-02T12:00:00+05:30", "2026-03-02T12:00:00.123456Z", "2026-03-02"]
    return [*texts, *instants, *column.codes, None, 0, 1, -1]


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_a_value_that_fits_the_schema_passes_the_checks_of_its_column(
    contract: Contract, stage: Warehouse, stage_rows: StageRows
) -> None:
    tried = [(column.name, value) for column in contract.columns for value in _candidates(column)]
    stage_rows(contract, [{name: None if value is None else str(value)} for name, value in tried])
    masks = stage.query("select failed_mask from memory.main.checked_rows order by landed_row_no").column(0).to_pylist()
    checks = {check.check_id: check for check in checks_of(contract)}
    properties = {
        name: jsonschema.Draft202012Validator(schema)
        for name, schema in contract_schema(contract)["properties"].items()
    }

    fitting = [position for position, (name, value) in enumerate(tried) if properties[name].is_valid(value)]
    refused = {
        (name, check_id)
        for position in fitting
        for name in [tried[position][0]]
        for check_id in failed_check_ids(contract, masks[position])
        if checks[check_id].columns == (name,) and checks[check_id].kind is not CheckKind.UNIT
    }

    assert {tried[position][0] for position in fitting} == {column.name for column in contract.columns}
    assert refused == set()


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
