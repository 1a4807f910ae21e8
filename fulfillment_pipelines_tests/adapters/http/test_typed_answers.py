"""Answers to writes that say what they mean in their body: typed refusals, partial errors, references, keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.errors import (
    FulfillmentError,
    PreconditionError,
    RejectedError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.systems.transports.http.system import HttpSystem

Connect = Callable[..., HttpSystem]

FULFIL = """
messages:
  qty.set:
    lookups:
      - query: "query($c: String) {orders(code: $c) {id lines {orderLineId: id quantity}}}"
        variables: {c: "{line_id}"}
        records: data.orders
        take: {order: id, lines: lines}
    query: "mutation($i: Input!) {fulfil(input: $i) {__typename id errorCode message}}"
    variables: {i: {order: "{order}", lines: "{lines}"}}
    refused_when: {field: data.fulfil.__typename, is_not: [Fulfillment], code: data.fulfil.errorCode}
    reference: data.fulfil.id
    idempotency: none
"""


def fulfilling(server: Any, answer: Any) -> None:
    found = {"data": {"orders": [{"id": "9", "lines": [{"orderLineId": "1", "quantity": 2.5}]}]}}
    server.script = lambda asked: server.answer(200, answer if "mutation" in asked.json["query"] else found)


def test_list_that_was_looked_up_goes_into_the_variables(
    connect: Connect, server: Any, correction: Callable[..., Correction]
) -> None:
    fulfilling(server, {"data": {"fulfil": {"__typename": "Fulfillment", "id": "F-3"}}})
    receipt = connect(FULFIL).sink().apply(correction())
    assert (receipt.observed, receipt.reference) == (Observed.APPLIED, "F-3")
    sent = server.requests[-1]
    assert sent.json["variables"] == {"i": {"order": "9", "lines": [{"orderLineId": "1", "quantity": 2.5}]}}
    assert "idempotency-key" not in sent.headers


REFUSED = {"__typename": "InsufficientStock", "errorCode": "OUT_OF_STOCK", "message": "none left"}


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ({"data": {"fulfil": REFUSED}}, RejectedError, "OUT_OF_STOCK.*none left"),
        ({"data": {"fulfil": {**REFUSED, "errorCode": "STALE"}}}, PreconditionError, "STALE"),
        ({"data": {"fulfil": None}}, RejectedError, "data.fulfil.__typename is null"),
        ({"errors": [{"message": "no"}], "data": None}, RejectedError, "no"),
        ({"errors": [{"message": "late"}], "data": {"fulfil": {"id": "F"}}}, UnknownOutcomeError, "late"),
        (
            {"errors": [{"message": "m", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}], "data": None},
            UnknownOutcomeError,
            "INTERNAL_SERVER_ERROR",
        ),
        ({}, UnknownOutcomeError, "no answer"),
    ],
)
def test_typed_refusal_is_told_as_what_its_code_means(
    connect: Connect,
    server: Any,
    correction: Callable[..., Correction],
    *,
    answer: Any,
    error: type[FulfillmentError],
    said: str,
) -> None:
    fulfilling(server, answer)
    with pytest.raises(FulfillmentError, match=said) as raised:
        connect(FULFIL, transport="error_codes: {STALE: out_of_date}").sink().apply(correction())
    assert type(raised.value) is error


REST = """
messages:
  qty.set:
    method: POST
    path: /moves
    content: {move: {line: "{line_id}", qty: "{qty:number}", note: null}, tags: [recon, "{idempotency_key}"]}
    precondition: {expected_qty: qty}
    idempotency: IDEMPOTENCY
    refused_when: {field: status, is: [failed]}
    then:
      - {method: PATCH, path: "/moves/{line_id}", body: {qty: {number: qty}, state: {literal: done}}}
"""


@pytest.mark.parametrize(
    ("style", "headers", "fields"),
    [
        ("{header: X-Request-Id}", ["key-1", "key-1-2"], {}),
        ("{field: reference}", [None, None], {"reference": "key-1"}),
        ("none", [None, None], {}),
    ],
)
def test_idempotency_key_travels_as_declared_and_nested_content_is_filled(
    connect: Connect,
    server: Any,
    correction: Callable[..., Correction],
    *,
    style: str,
    headers: list[str | None],
    fields: dict[str, str],
) -> None:
    server.script = lambda asked: server.answer(202 if asked.method == "POST" else 200, {"id": asked.method})
    receipt = connect(REST.replace("IDEMPOTENCY", style)).sink().apply(correction(qty="7.0"))
    assert (receipt.observed, receipt.reference) == (Observed.QUEUED, "POST")
    assert [asked.headers.get("x-request-id") for asked in server.requests] == headers
    first, second = server.requests
    assert first.json == {
        "move": {"line": "L1", "qty": 7, "note": None},
        "tags": ["recon", "key-1"],
        "expected_qty": "5",
        **fields,
    }
    assert (second.method, second.json) == ("PATCH", {"qty": 7, "state": "done"})


def test_refusal_in_a_rest_answer_of_success_ends_the_steps(
    connect: Connect, server: Any, correction: Callable[..., Correction]
) -> None:
    server.script = lambda _: server.answer(200, {"status": "failed", "why": "closed"})
    with pytest.raises(RejectedError, match=r"status is failed.*closed"):
        connect(REST.replace("IDEMPOTENCY", "none")).sink().apply(correction())
    assert len(server.requests) == 1


def test_null_where_the_record_would_stand_means_that_it_is_absent(
    connect: Connect, server: Any, correction: Callable[..., Correction]
) -> None:
    declared = """
    messages:
      qty.set:
        query: "mutation {x}"
        read_back: {query: "{line {qty}}", records: data.line, expect: {qty: qty}}
    """
    for line, observed in (
        ({"line": None}, Observed.ABSENT),
        ({"line": {"qty": 7}}, Observed.APPLIED),
        ({}, Observed.UNKNOWN),
    ):
        server.script = lambda _, line=line: server.answer(200, {"data": line})
        assert connect(declared).sink().read_back(correction()) is observed
    server.script = lambda _: server.answer(200, {"errors": [{"message": "m"}], "data": {"line": {"qty": 7}}})
    assert connect(declared).sink().read_back(correction()) is Observed.UNKNOWN
