"""The catalogue is complete, and a content that makes no sense fits no message."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.messages import fields
from fulfillment_pipelines.messages.catalogue import CATALOGUE, message_type, read_message
from fulfillment_pipelines.messages.json_schema import message_schema
from fulfillment_pipelines.messages.message import MessageType
from fulfillment_pipelines.reconcile.rules import read_rules
from fulfillment_pipelines.sql_models import read_models
from fulfillment_pipelines.systems.declaration import load_declaration

ROOT = Path(__file__).parents[3]
DECLARED = sorted((ROOT / "fulfillment_pipelines" / "systems" / "declared").glob("*.yaml"))
DOMAIN_BOOK_MESSAGES = {
    *("invoice.request", "invoice.amend", "invoice.hold", "credit.propose", "ship.confirm", "ship.amend"),
    *("ship.reverse", "order.create", "order.amend", "order.cancel", "hold.apply", "hold.resolve", "shipment.hold"),
    *("release.send", "allocation.set", "allocation.release", "reservation.release", "atp.set", "inventory.adjust"),
    *("count.request", "line.backorder", "event.request", "case.create", "eta.update", "status.update"),
    *("claim.create", "edi.resend", "mapping.upsert", "reallocate", "promise.update"),
    *("order.acknowledge", "ship.notice", "inventory.advise"),
}

# What a document may say of its own sending.
OF_EVERY_DOCUMENT = {"idempotency_key", "control_number", "sent_at"}

SampleOf = Callable[..., dict[str, Any]]
EVERY_MESSAGE = pytest.mark.parametrize("message", CATALOGUE.values(), ids=lambda message: message.name)


def test_every_message_of_the_domain_book_is_in_the_catalogue() -> None:
    assert set(CATALOGUE) == DOMAIN_BOOK_MESSAGES


def test_every_message_that_a_rule_declares_is_in_the_catalogue() -> None:
    rules = read_rules(read_models(ROOT / "sql" / "30_reconcile" / "rules"))
    proposed = {route.message for rule in rules for route in rule.routes}
    assert "ship.confirm" in proposed
    assert proposed - set(CATALOGUE) == set()


@pytest.mark.parametrize("path", DECLARED, ids=lambda path: path.stem)
def test_every_message_that_a_system_declares_is_in_the_catalogue(path: Path) -> None:
    assert set(load_declaration(path).messages) - set(CATALOGUE) == set()


@pytest.mark.parametrize("path", DECLARED, ids=lambda path: path.stem)
def test_a_system_asks_for_no_field_that_its_message_does_not_have(path: Path) -> None:
    asked = {
        (name, field)
        for name, declared in load_declaration(path).messages.items()
        for part in ("body", "fields", "line")
        for field in _named(getattr(declared, part, {}))
    }
    known = {(name, field) for name, message in CATALOGUE.items() for field in message.payload.model_fields}
    assert asked - known == set()


def _named(body: dict[str, Any]) -> set[str]:
    return {source for source in body.values() if isinstance(source, str)} - OF_EVERY_DOCUMENT


def test_a_name_that_is_no_message_is_told_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"There is no message 'ship\.it'.*ship\.confirm"):
        message_type("ship.it")


@EVERY_MESSAGE
def test_a_message_says_what_it_asks_for_in_one_sentence(message: MessageType) -> None:
    assert re.fullmatch(r"[A-Z][^.]*(?:\.[a-z][^.]*)*\.", message.asks)
    assert re.fullmatch(r"[a-z]+(\.[a-z]+)?", message.name)


@EVERY_MESSAGE
def test_every_field_says_what_it_means_and_every_number_its_unit(message: MessageType) -> None:
    schema = message_schema(message)
    for part in ("payload", "precondition"):
        for name, field in schema["properties"][part]["properties"].items():
            assert field["description"], name
            assert (fields.UNIT_KEY in field) == name.endswith(("_qty", "_price")), name


@EVERY_MESSAGE
@pytest.mark.parametrize("only_required", [False, True])
def test_a_content_that_fits_comes_back_as_it_was(
    message: MessageType, only_required: bool, sample_of: SampleOf
) -> None:
    payload = sample_of(message.payload, only_required=only_required)
    precondition = sample_of(message.precondition, only_required=only_required)
    read = read_message(message, payload, precondition)
    assert read[0].model_dump(mode="json", exclude_unset=True) == payload
    assert read[1].model_dump(mode="json", exclude_unset=True) == precondition
    jsonschema.Draft202012Validator(message_schema(message)).validate(
        {"message": message.name, "version": message.version, "payload": payload, "precondition": precondition}
    )


@EVERY_MESSAGE
def test_what_a_message_sets_or_counts_is_in_its_payload(message: MessageType) -> None:
    assert set(message.sets) - set(message.payload.model_fields) == set()
    assert not message.quantity or message.quantity in message.payload.model_fields


@EVERY_MESSAGE
def test_a_field_that_a_message_does_not_have_is_refused(message: MessageType, sample_of: SampleOf) -> None:
    payload, precondition = sample_of(message.payload), sample_of(message.precondition)
    with pytest.raises(BadDataError, match="colour: Extra inputs are not permitted"):
        read_message(message, {**payload, "colour": "red"}, precondition)
    with pytest.raises(BadDataError, match=r"precondition\.colour: Extra inputs are not permitted"):
        read_message(message, payload, {**precondition, "colour": "red"})


@EVERY_MESSAGE
def test_a_field_that_must_be_there_is_missed(message: MessageType, sample_of: SampleOf) -> None:
    payload = sample_of(message.payload)
    for name, field in message.payload.model_fields.items():
        if field.is_required():
            with pytest.raises(BadDataError, match=f"{name}: "):
                read_message(
                    message,
                    {key: value for key, value in payload.items() if key != name},
                    sample_of(message.precondition),
                )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shipped_qty", "-1"),
        ("shipped_qty", "0.0000"),
        ("shipped_qty", 10),
        ("shipped_qty", "1e3"),
        ("shipped_qty", "1.00001"),
        ("shipped_qty", "ten"),
        ("shipped_qty", "10\n"),
        ("shipped_qty", None),
        ("shipped_at", "2026-03-02T10:00:00"),
        ("shipped_at", "2026-03-02"),
        ("shipped_at", "2026-13-02T10:00:00Z"),
        ("order_id", ""),
        ("order_id", "  "),
        ("order_id", 1001),
        ("line_no", 0),
        ("line_no", "1"),
        ("line_no", True),
    ],
)
def test_nonsense_is_refused_with_the_name_of_its_field(field: str, value: Any, sample_of: SampleOf) -> None:
    message = CATALOGUE["ship.confirm"]
    payload = {**sample_of(message.payload), field: value}
    with pytest.raises(BadDataError, match=f"{field}: ") as refused:
        read_message(message, payload, {"shipment_id": "SH-1"})
    assert refused.value.what == "The payload does not fit ship.confirm v1."
    assert refused.value.found.count(";") == 0


@pytest.mark.parametrize(("change", "fits"), [("-4", True), ("0.00", False), ("-0", False), ("4.5", True)])
def test_a_stock_movement_has_a_sign_and_moves_something(change: str, fits: bool, sample_of: SampleOf) -> None:
    message = CATALOGUE["inventory.adjust"]
    payload = {**sample_of(message.payload), "movement_qty": change}
    schema = jsonschema.Draft202012Validator(message_schema(message)["properties"]["payload"])
    assert schema.is_valid(payload) == fits
    if fits:
        read_message(message, payload, {"on_hand_qty": "-3"})
    else:
        with pytest.raises(BadDataError, match="movement_qty"):
            read_message(message, payload, {"on_hand_qty": "-3"})


@pytest.mark.parametrize(
    ("codes", "contract", "column"),
    [
        (fields.HoldType, "holds", "hold_type"),
        (fields.HoldStatus, "holds", "status"),
        (fields.InvoiceStatus, "invoice_lines", "status"),
        (fields.ShownStatus, "order_statuses", "shown_status"),
        (fields.CaseType, "customer_cases", "case_type"),
        (fields.ReferenceType, "cross_references", "reference_type"),
    ],
)
def test_codes_are_those_of_the_contracts(codes: Any, contract: str, column: str) -> None:
    assert codes.__args__ == CONTRACTS[contract].column(column).codes
