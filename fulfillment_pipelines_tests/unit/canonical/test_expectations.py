from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Never

import pytest

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.canonical.expectations import (
    COLUMNS_PRESENT,
    PAGES_READABLE,
    ROWS_DECLARED,
    ExpectationOutcome,
    ExpectationSeverity,
    LandedCounts,
    Validator,
)
from fulfillment_pipelines.canonical.row_checks import checks_of, failed_check_ids
from fulfillment_pipelines.canonical.vocabulary import Contract
from fulfillment_pipelines.warehouse import Warehouse

StageRows = Callable[[Contract, Sequence[Mapping[str, object]]], None]
ORDERS = CONTRACTS["orders"]
GOOD_ORDER = {
    "order_id": "SO-1",
    "customer_id": "C-1",
    "status": "OPEN",
    "currency": "USD",
    "ordered_at": "2026-03-02T12:00:00Z",
}


def _failed_by_row_pass(stage: Warehouse, contract: Contract) -> Counter[str]:
    masks = stage.query("select failed_mask from memory.main.checked_rows where not is_repeat").column(0).to_pylist()
    return Counter(check_id for mask in masks for check_id in failed_check_ids(contract, mask))


def _by_check(outcomes: Sequence[ExpectationOutcome]) -> dict[str, ExpectationOutcome]:
    return {outcome.check_id: outcome for outcome in outcomes}


def test_every_kind_of_defect_is_seen_by_both(stage: Warehouse, stage_rows: StageRows, validator: Validator) -> None:
    holds = CONTRACTS["holds"]
    good = {
        "hold_id": "H-1",
        "order_id": "SO-1",
        "hold_type": "CREDIT",
        "status": "CREATED",
        "placed_by": "finance",
        "placed_at": "2026-03-02T12:00:00Z",
    }
    stage_rows(
        holds,
        [
            good,
            good,
            good | {"hold_id": "H-2", "hold_type": "FRAUD"},
            good | {"hold_id": "H-3", "placed_at": "yesterday"},
            good | {"hold_id": "H-4", "order_id": " "},
            good | {"hold_id": "H-5", "resolved_at": "2026-03-01T12:00:00Z"},
            good | {"hold_id": "H-6"},
            good | {"hold_id": "H-6", "status": "RESOLVED"},
        ],
    )
    expected = {
        "hold_type:codes": 1,
        "placed_at:type": 1,
        "placed_at:required": 1,
        "order_id:required": 1,
        "placed_at<=resolved_at": 1,
        "key:unique": 2,
    }

    assert _failed_by_row_pass(stage, holds) == expected
    outcomes = validator.validate(holds, LandedCounts(8))
    assert {outcome.check_id: outcome.unexpected_rows for outcome in outcomes if not outcome.is_passed} == expected
    assert {outcome.severity for outcome in outcomes if not outcome.is_passed} == {ExpectationSeverity.WARNING}


def test_a_unit_without_a_factor_for_the_item_is_unexpected(stage_rows: StageRows, validator: Validator) -> None:
    stock = CONTRACTS["stock_levels"]
    level = {"node": "east", "uom": "CS", "on_hand_qty": "1", "reserved_qty": "0", "available_qty": "1"}
    stage_rows(stock, [level | {"sku": "WIDGET"}, level | {"sku": "GADGET"}])

    assert _by_check(validator.validate(stock, LandedCounts(2)))["uom:known"].unexpected_rows == 1


def test_no_rows_break_nothing(stage_rows: StageRows, validator: Validator) -> None:
    stage_rows(ORDERS, [])

    for outcomes in (
        validator.validate_rows(ORDERS, LandedCounts(0)),
        validator.validate_metrics(ORDERS, LandedCounts(0)),
    ):
        assert [outcome for outcome in outcomes if not outcome.is_passed] == []


@pytest.mark.parametrize("form", [Validator.validate_rows, Validator.validate_metrics])
def test_fewer_rows_than_declared_are_critical(
    form: Callable[[Validator, Contract, LandedCounts], tuple[ExpectationOutcome, ...]],
    stage_rows: StageRows,
    validator: Validator,
) -> None:
    stage_rows(ORDERS, [GOOD_ORDER])

    declared = _by_check(form(validator, ORDERS, LandedCounts(1, declared_rows=4)))[ROWS_DECLARED]

    assert (declared.is_passed, declared.severity, declared.unexpected_rows) == (
        False,
        ExpectationSeverity.CRITICAL,
        3,
    )


def test_a_system_that_declares_no_count_is_not_held_to_one(stage_rows: StageRows, validator: Validator) -> None:
    stage_rows(ORDERS, [GOOD_ORDER])

    assert ROWS_DECLARED not in _by_check(validator.validate(ORDERS, LandedCounts(1)))


def test_unreadable_lines_are_counted_beside_the_rows(stage_rows: StageRows, validator: Validator) -> None:
    stage_rows(ORDERS, [GOOD_ORDER])

    outcomes = _by_check(validator.validate(ORDERS, LandedCounts(3, unreadable_lines=2, declared_rows=3)))

    assert outcomes[PAGES_READABLE].unexpected_rows == 2
    assert outcomes[ROWS_DECLARED].is_passed


def test_a_missing_column_is_critical_and_its_checks_do_not_pass(
    stage: Warehouse, stage_rows: StageRows, validator: Validator
) -> None:
    stage_rows(ORDERS, [GOOD_ORDER])
    with stage.reading() as cursor:
        cursor.execute("alter table memory.main.checked_rows drop column ordered_at")

    outcomes = _by_check(validator.validate(ORDERS, LandedCounts(1)))

    assert not outcomes[COLUMNS_PRESENT].is_passed
    assert outcomes[COLUMNS_PRESENT].severity is ExpectationSeverity.CRITICAL
    crashed = outcomes["ordered_at:required"]
    assert not crashed.is_passed
    assert crashed.severity is ExpectationSeverity.CRITICAL
    assert crashed.unexpected_rows is None
    assert "ordered_at" in crashed.problem
    assert outcomes["order_id:required"].is_passed


@pytest.mark.parametrize(
    ("limit", "counts"), [(1, LandedCounts(2)), (2, LandedCounts(2, is_scanned=True))], ids=["many rows", "in place"]
)
def test_a_large_snapshot_is_judged_by_its_counts(
    limit: int, counts: LandedCounts, stage: Warehouse, stage_rows: StageRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage_rows(ORDERS, [GOOD_ORDER, GOOD_ORDER | {"order_id": "SO-2", "status": "LOST"}])

    def scan(*_: object) -> Never:
        raise AssertionError("the rows were scanned")

    monkeypatch.setattr(Validator, "validate_rows", scan)
    with Validator(stage, scan_limit_rows=limit) as careful:
        assert _by_check(careful.validate(ORDERS, counts))["status:codes"].unexpected_rows == 1


def test_outcomes_stand_in_the_order_of_the_contract(stage_rows: StageRows, validator: Validator) -> None:
    stage_rows(ORDERS, [GOOD_ORDER])

    found = [outcome.check_id for outcome in validator.validate(ORDERS, LandedCounts(1, declared_rows=1))]

    assert found == [check.check_id for check in checks_of(ORDERS)] + [COLUMNS_PRESENT, ROWS_DECLARED, PAGES_READABLE]


def test_validating_opens_no_socket(stage: Warehouse, stage_rows: StageRows, monkeypatch: pytest.MonkeyPatch) -> None:
    stage_rows(ORDERS, [GOOD_ORDER])

    def refuse(*_: object, **__: object) -> Never:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with Validator(stage) as fresh:
        assert all(outcome.is_passed for outcome in fresh.validate(ORDERS, LandedCounts(1)))
