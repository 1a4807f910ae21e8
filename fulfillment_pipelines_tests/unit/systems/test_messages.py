from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from fulfillment_pipelines.domain.correction import Correction, Scalar
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.declaration import LiteralValue
from fulfillment_pipelines.systems.transports.messages import (
    filled_path,
    payload_fields,
    precondition_fields,
    same_value,
    shows,
)

CORRECTION = Correction("COR-1", "erp", "m", {"order_id": "SO 1", "active": False, "note": None}, {"qty": "5"}, "k")


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        ("10", 10, True),
        ("10.0000", Decimal(10), True),
        ("10", "10.00", True),
        (10, 10.0, True),
        ("10", 11, False),
        ("SO-1", "SO-1", True),
        ("SO-1", "so-1", False),
        ("OPEN", "CLOSED", False),
        ("nan", "nan", True),
        (True, True, True),
        (True, "TRUE", True),
        ("false", False, True),
        (False, True, False),
        (False, 0, False),
        (None, None, True),
        (None, "", False),
        ("", None, False),
        ("2026-03-02T10:00:00+02:00", datetime(2026, 3, 2, 8, tzinfo=UTC), True),
        ("2026-03-02T10:00:00Z", datetime(2026, 3, 2, 8, tzinfo=UTC), False),
        ("soon", datetime(2026, 3, 2, 8, tzinfo=UTC), False),
    ],
)
def test_values_are_the_same_by_what_they_mean(expected: Scalar, found: object, *, same: bool) -> None:
    assert same_value(expected, found) is same


def test_record_shows_what_is_expected_when_every_field_does() -> None:
    assert shows({"qty": 5, "status": "OPEN", "more": 1}, {"qty": "5.0", "status": "OPEN"})
    assert not shows({"qty": 5}, {"qty": "5", "status": "OPEN"})


def test_fields_are_filled_from_payload_precondition_and_literals() -> None:
    assert payload_fields(CORRECTION, {"order": "order_id", "kind": LiteralValue(literal=1), "note": "note"}) == {
        "order": "SO 1",
        "kind": 1,
        "note": None,
    }
    assert precondition_fields(CORRECTION, {"expected_qty": "qty"}) == {"expected_qty": "5"}


def test_lacking_field_names_correction_field_and_what_there_is() -> None:
    with pytest.raises(ConfigurationError) as raised:
        precondition_fields(CORRECTION, {"expected": "status"})
    assert raised.value.expected == "the field 'status' in its precondition"
    assert raised.value.found == "qty"


def test_path_is_filled_and_quoted() -> None:
    assert filled_path(CORRECTION, "/o/{order_id}?a={active}&k={idempotency_key}") == "/o/SO%201?a=false&k=k"


@pytest.mark.parametrize("field", ["note", "missing"])
def test_path_without_its_value_is_refused(field: str) -> None:
    with pytest.raises(ConfigurationError, match=field):
        filled_path(CORRECTION, f"/o/{{{field}}}")
