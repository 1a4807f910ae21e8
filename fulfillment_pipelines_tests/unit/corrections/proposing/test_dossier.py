"""A person who signs sees what changes, how it is undone, how far it reaches and what it rests on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from fulfillment_pipelines.corrections.proposing.dossier import Dossier, Subject, dossier_of, json_object
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.messages.catalogue import CATALOGUE

AMENDMENT = Subject(
    message="ship.amend",
    payload={"shipment_id": "SH-1", "order_id": "SO-1", "line_no": 2, "shipped_qty": "8.0000"},
    precondition={"shipped_qty": "10.0000"},
    amount=Decimal("50.00"),
    currency="USD",
    order_id="SO-1",
    evidence={"departed": "wms/7", "confirmed": "erp/3"},
)
CONFIRMATION = Subject(
    message="ship.confirm",
    payload={
        "shipment_id": "SH-1",
        "order_id": "SO-1",
        "line_no": 2,
        "node": "EAST",
        "sku": "VLV-1",
        "shipped_qty": "10.0000",
        "shipped_at": "2026-03-02T10:00:00Z",
    },
    precondition={"shipment_id": "SH-1"},
    amount=Decimal("50.00"),
    currency="USD",
)


def _read(dossier: Dossier) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]:
    return json.loads(dossier.diff), json.loads(dossier.inverse), json.loads(dossier.impact)


def test_the_diff_shows_what_the_target_holds_and_what_it_shall_hold() -> None:
    diff, _, _ = _read(dossier_of(AMENDMENT))
    assert diff == [{"attribute": "shipped_qty", "before": "10.0000", "after": "8.0000"}]


def test_what_was_not_there_has_no_value_before() -> None:
    diff, _, _ = _read(dossier_of(CONFIRMATION))
    assert diff == [
        {"attribute": "shipped_qty", "before": None, "after": "10.0000"},
        {"attribute": "shipped_at", "before": None, "after": "2026-03-02T10:00:00Z"},
    ]


def test_what_stays_as_it_is_is_no_change() -> None:
    payload = {"order_id": "SO-1", "line_no": 1, "sku": "VLV-2", "ordered_qty": "10", "unit_price": None}
    same = replace(AMENDMENT, message="order.amend", payload=payload, precondition={"ordered_qty": "10.0000"})
    diff, _, _ = _read(dossier_of(same))
    assert diff == [{"attribute": "sku", "before": None, "after": "VLV-2"}]


def test_what_a_message_implies_is_a_change_too() -> None:
    resolved = replace(
        AMENDMENT,
        message="hold.resolve",
        payload={"hold_id": "H-1", "order_id": "SO-1", "resolved_at": "2026-03-02T09:00:00Z"},
        precondition={"status": "CREATED", "active": True},
    )
    diff, inverse, _ = _read(dossier_of(resolved))
    assert {"attribute": "status", "before": "CREATED", "after": "RESOLVED"} in diff
    assert {"attribute": "active", "before": True, "after": False} in diff
    assert inverse["message"] == "hold.apply"
    assert inverse["later"] == {"hold_type": "what the hold was for"}


def test_the_inverse_goes_back_and_needs_what_was_written_to_stand() -> None:
    _, inverse, _ = _read(dossier_of(AMENDMENT))
    assert inverse["message"] == "ship.amend"
    assert inverse["payload"]["shipped_qty"] == "10.0000"
    assert inverse["precondition"] == {"shipped_qty": "8.0000"}


def test_where_nothing_undoes_it_the_reason_is_told() -> None:
    case = replace(
        AMENDMENT,
        message="case.create",
        payload={"order_id": "SO-1", "shipment_id": "SH-1", "case_type": "DELIVERY", "reason": "late"},
        precondition={"state": "DEPARTED"},
    )
    _, inverse, _ = _read(dossier_of(case))
    assert inverse["message"] == ""
    assert inverse["because"] == "what people have read is not unread; they close the case"


def test_an_inverse_that_the_target_does_not_take_is_none() -> None:
    _, inverse, _ = _read(dossier_of(CONFIRMATION, taken=("ship.confirm",)))
    assert inverse["because"] == "the target takes no 'ship.reverse'; it is undone there by hand"
    _, inverse, _ = _read(dossier_of(CONFIRMATION, taken=("ship.confirm", "ship.reverse")))
    assert inverse["message"] == "ship.reverse"


def test_the_blast_radius_counts_what_changes_and_names_whom_it_touches() -> None:
    _, _, impact = _read(dossier_of(AMENDMENT))
    assert impact["orders"] == ["SO-1"]
    assert impact["order_lines"] == ["SO-1/2"]
    assert impact["customers"] == []
    assert Decimal(impact["qty"]) == 2
    assert (impact["amount"], impact["currency"]) == ("50.00", "USD")
    assert impact["objects"] == {"shipment_id": "SH-1"}
    assert {"role": "finance", "does": "bills another quantity"} in impact["systems"]


def test_a_reversal_moves_all_that_was_confirmed() -> None:
    payload = {"shipment_id": "SH-1", "order_id": "SO-1", "line_no": 2, "shipped_qty": "10.0000"}
    _, _, impact = _read(dossier_of(replace(AMENDMENT, message="ship.reverse", payload=payload)))
    assert Decimal(impact["qty"]) == 10


def test_a_stock_movement_is_shown_by_what_it_makes_of_the_stock_on_hand() -> None:
    payload = {"node": "EAST", "sku": "VLV-1", "movement_qty": "-4", "reason_code": "06", "movement_id": "MV-1"}
    moved = replace(
        AMENDMENT, message="inventory.adjust", payload=payload, precondition={"on_hand_qty": "100.0000"}, order_id=""
    )
    diff, inverse, impact = _read(dossier_of(moved))
    assert diff == [{"attribute": "on_hand_qty", "before": "100.0000", "after": "96.0000"}]
    assert inverse["payload"]["movement_qty"] == "4"
    assert (impact["qty"], impact["orders"]) == ("4", [])


def test_a_line_that_another_site_serves_moves_with_all_it_had() -> None:
    payload = {"order_id": "SO-1", "line_no": 1, "sku": "VLV-1", "node": "WEST", "allocated_qty": "10"}
    before = {"node": "EAST", "allocated_qty": "10"}
    diff, inverse, impact = _read(
        dossier_of(replace(AMENDMENT, message="reallocate", payload=payload, precondition=before))
    )
    assert diff == [{"attribute": "node", "before": "EAST", "after": "WEST"}]
    assert impact["qty"] == "10"
    assert inverse["payload"]["node"] == "EAST"


def test_the_customer_is_known_from_the_content_or_from_the_evidence() -> None:
    payload = {"order_id": "SO-2", "hold_type": "CREDIT", "reason": "over the limit", "customer_id": "C-1"}
    held = replace(AMENDMENT, message="hold.apply", payload=payload, evidence={"customer_id": "C-1"})
    _, _, impact = _read(dossier_of(held))
    assert impact["customers"] == ["C-1"]
    _, _, impact = _read(dossier_of(replace(AMENDMENT, evidence={"customer_id": "C-7"})))
    assert impact["customers"] == ["C-7"]


def test_the_evidence_is_kept_with_its_hash_whatever_the_order_of_its_keys() -> None:
    one = dossier_of(AMENDMENT)
    other = dossier_of(replace(AMENDMENT, evidence={"confirmed": "erp/3", "departed": "wms/7"}))
    assert one.evidence == '{"confirmed":"erp/3","departed":"wms/7"}'
    assert one.evidence_hash == hashlib.sha256(one.evidence.encode()).hexdigest()
    assert other == one
    assert dossier_of(replace(AMENDMENT, evidence={"confirmed": "erp/4"})).evidence_hash != one.evidence_hash


def test_a_content_that_does_not_fit_is_told_and_still_shown() -> None:
    broken = dossier_of(replace(AMENDMENT, payload={**AMENDMENT.payload, "shipped_qty": "-8"}))
    assert broken.problem.startswith("payload does not fit ship.amend v1: shipped_qty: Input should be decimal text")
    diff, inverse, impact = _read(broken)
    assert diff == [{"attribute": "shipped_qty", "before": "10.0000", "after": "-8"}]
    assert inverse["because"] == "what is asked for cannot be read"
    assert impact["order_lines"] == ["SO-1/2"]


@pytest.mark.parametrize("quantity", ["ten", "NaN", None, "1e999999999"])
def test_a_quantity_that_is_none_moves_nothing(quantity: str | None) -> None:
    broken = dossier_of(replace(CONFIRMATION, payload={**CONFIRMATION.payload, "shipped_qty": quantity}))
    assert json.loads(broken.impact)["qty"] == "0"
    assert "shipped_qty" in broken.problem


def test_a_message_that_nobody_knows_is_told() -> None:
    unknown = dossier_of(replace(AMENDMENT, message="ship.it"))
    assert unknown.problem == "there is no message 'ship.it' in the catalogue"
    assert _read(unknown)[0] == []


def test_a_content_that_fits_has_no_problem() -> None:
    assert dossier_of(AMENDMENT).problem == ""
    assert AMENDMENT.message in CATALOGUE


@pytest.mark.parametrize("text", ["[1]", "{", '"SO-1"'])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(BadDataError, match="not a JSON object"):
        json_object(text)
