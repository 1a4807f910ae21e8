"""Codes of a system's own: what is sent in them, what is seen in them, and changes asked for with an overlap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.errors import PreconditionError, RejectedError
from fulfillment_pipelines.systems.transports.http.system import HttpSystem

Connect = Callable[..., HttpSystem]

PORTAL = """
messages:
  qty.set:
    precondition_read: &as_shown
      path: /orders/{line_id}
      codes: {state: {PaymentAuthorized: "5", PaymentSettled: "5", Shipped: "7"}}
      expect: {state: qty}
    method: POST
    path: /orders/{line_id}
    content: {state: {map: qty, codes: {"7": Shipped}}, final: [{map: qty, codes: {"7": true}}]}
    read_back: *as_shown
"""
CHANGED = """
entities:
  orders:
    contract: orders
    path: /orders
    records: rows
    since: {parameter: changed_after, overlap_seconds: 90}
    fields: [id]
    key: [id]
"""


@pytest.fixture
def portal(server: Any) -> dict[str, Any]:
    """A portal with one order, which takes the state that is posted."""
    order: dict[str, Any] = {"state": "PaymentSettled", "pages": [1]}

    def script(asked: Any) -> Any:
        order.update(asked.json if asked.method == "POST" else {})
        return server.answer(200, order)

    server.script = script
    return order


def test_value_is_sent_and_seen_in_the_codes_of_the_system(
    connect: Connect, portal: dict[str, Any], correction: Callable[..., Correction]
) -> None:
    sink = connect(PORTAL).sink()
    assert sink.read_back(correction()) is Observed.ABSENT
    assert sink.apply(correction()).observed is Observed.APPLIED
    assert portal == {"state": "Shipped", "final": [True], "pages": [1]}
    assert sink.read_back(correction()) is Observed.APPLIED


@pytest.mark.parametrize("state", ["PaymentAuthorized", "PaymentSettled"])
def test_several_codes_may_mean_the_same(
    connect: Connect, portal: dict[str, Any], correction: Callable[..., Correction], state: str
) -> None:
    portal["state"] = state
    assert connect(PORTAL).sink().apply(correction()).observed is Observed.APPLIED


@pytest.mark.parametrize("state", ["Cancelled", None, ["Shipped"]])
def test_code_that_nobody_has_named_is_another_value(
    connect: Connect, portal: dict[str, Any], correction: Callable[..., Correction], state: object
) -> None:
    portal["state"] = state
    with pytest.raises(PreconditionError):
        connect(PORTAL).sink().apply(correction())
    assert portal["state"] == state


def test_value_without_a_code_is_refused_before_anything_is_sent(
    connect: Connect, server: Any, portal: dict[str, Any], correction: Callable[..., Correction]
) -> None:
    with pytest.raises(RejectedError, match="no code for 'qty' 8"):
        connect(PORTAL).sink().apply(correction(qty="8"))
    assert portal["state"] == "PaymentSettled"
    assert "POST" not in {request.method for request in server.requests}


@pytest.mark.parametrize(
    ("cursor", "asked_from"),
    [
        ("2026-03-02T10:00:00Z", "2026-03-02T09:58:30Z"),
        ("2026-03-02T00:01:00.250000Z", "2026-03-01T23:59:30.250000Z"),
        (None, None),
    ],
)
def test_changes_are_asked_for_from_before_the_cursor(
    connect: Connect, server: Any, cursor: str | None, asked_from: str | None
) -> None:
    server.script = lambda _: server.answer(200, {"rows": []})
    connect(CHANGED).source("orders").pull(Scope(since=cursor))
    (asked,) = server.requests
    assert asked.query.get("changed_after") == asked_from
