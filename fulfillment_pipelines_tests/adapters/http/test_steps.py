"""Messages of several requests: looked up, skipped where they were done, one effect after any crash between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.errors import (
    ConfigurationError,
    DuplicateEffectError,
    FulfillmentError,
    PreconditionError,
    RejectedError,
    RetryableError,
    SystemDownError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.systems.transports.http.system import HttpSystem

Connect = Callable[..., HttpSystem]

COUNT = """
messages:
  qty.set:
    lookups:
      - call: item.search
        params: ["{line_id}"]
        records: result
        expect: {code: line_id}
        take: {item: id, unit: "uom.name", held: held}
    skip_if:
      call: count.search
      params: ["{idempotency_key}"]
      records: result
      take: {count: id}
    precondition_read: {call: item.search, params: ["{line_id}"], records: result, expect: {held: qty}}
    call: count.create
    params: [{item: "{item}", qty: "{qty:number}", unit: "{unit}", text: "set {line_id} to {qty}", "key {item}": true,
              change: "{qty-held:number}", reference: "{idempotency_key}"}]
    take: {count: result.0}
    idempotency: none
    then:
      - skip_if: {call: count.search, params: ["{idempotency_key}"], records: result, expect: {state: {literal: done}}}
        call: count.confirm
        params: ["{count}"]
    read_back: {call: item.search, params: ["{line_id}"], records: result, expect: {held: qty}}
"""


class Counts:
    """A warehouse whose counts are created, then confirmed; it breaks where it is told to, before or after the effect.

    Args:
        server: Where it listens.
    """

    def __init__(self, server: Any) -> None:
        self.items = [{"id": 4, "code": "L1", "held": 5, "uom": {"name": "each"}}]
        self.counts: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.breaks: tuple[str, str] | None = None
        self.answers: dict[str, Any] = {}
        self._server = server

    def __call__(self, asked: Any) -> Any:
        call, (parameter, *_) = asked.json["method"], asked.json["params"]
        self.calls.append(call)
        breaks = self.breaks
        if breaks == (call, "before"):
            self.breaks = None
            return self._server.answer(hang_up=True)
        if call in self.answers:
            return self._server.answer(200, self.answers[call])
        result = {
            "item.search": self._items,
            "count.search": self._search,
            "count.create": self._create,
            "count.confirm": self._confirm,
        }[call](parameter)
        if breaks == (call, "after"):
            self.breaks = None
            return self._server.answer(hang_up=True)
        return self._server.answer(200, {"id": 1, "result": result})

    def _items(self, code: str) -> Any:
        return [item for item in self.items if item["code"].startswith(code)]

    def _search(self, reference: str) -> Any:
        return [count for count in self.counts if count["reference"] == reference]

    def _create(self, count: dict[str, Any]) -> Any:
        self.counts.append({"id": 70 + len(self.counts), "state": "draft", **count})
        return [self.counts[-1]["id"]]

    def _confirm(self, number: int) -> Any:
        (count,) = [count for count in self.counts if count["id"] == number]
        count["state"] = "done"
        self.items[0]["held"] = count["qty"]
        return None


@pytest.fixture
def warehouse(server: Any) -> Counts:
    server.script = site = Counts(server)
    return site


def test_steps_are_sent_in_their_order_with_what_was_looked_up(
    connect: Connect, server: Any, warehouse: Counts, correction: Callable[..., Correction]
) -> None:
    receipt = connect(COUNT).sink().apply(correction(qty="7.50"))
    assert (receipt.observed, receipt.reference) == (Observed.APPLIED, "")
    assert warehouse.calls == [
        "item.search",
        "count.search",
        "item.search",
        "count.create",
        "count.search",
        "count.confirm",
    ]
    assert server.requests[3].json["params"] == [
        {
            "item": 4,
            "qty": 7.5,
            "unit": "each",
            "text": "set L1 to 7.50",
            "key 4": True,
            "change": 2.5,
            "reference": "key-1",
        }
    ]
    assert server.requests[5].json["params"] == [70]
    assert connect(COUNT).sink().read_back(correction(qty="7.50")) is Observed.APPLIED


@pytest.mark.parametrize("call", ["count.create", "count.confirm"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_crash_in_or_between_steps_ends_in_one_effect(
    connect: Connect, warehouse: Counts, correction: Callable[..., Correction], call: str, moment: str
) -> None:
    """As dispatch does it: an unknown outcome is read back, and what is absent is sent again."""
    sink = connect(COUNT).sink()
    warehouse.breaks = (call, moment)
    with pytest.raises(UnknownOutcomeError):
        sink.apply(correction())
    if sink.read_back(correction()) is Observed.ABSENT:
        assert sink.apply(correction()).observed is Observed.APPLIED
    assert sink.read_back(correction()) is Observed.APPLIED
    assert [(count["id"], count["state"]) for count in warehouse.counts] == [(70, "done")]
    assert warehouse.items[0]["held"] == 7


def test_message_whose_steps_are_all_done_sends_nothing(
    connect: Connect, warehouse: Counts, correction: Callable[..., Correction]
) -> None:
    sink = connect(COUNT).sink()
    sink.apply(correction())
    warehouse.calls.clear()
    assert sink.apply(correction()).observed is Observed.APPLIED
    assert set(warehouse.calls) == {"item.search", "count.search"}


@pytest.mark.parametrize(("codes", "said"), [(["L10"], "finds no records"), (["L1", "L1"], "finds 2 records")])
def test_lookup_that_does_not_find_exactly_one_refuses_the_correction(
    connect: Connect, warehouse: Counts, correction: Callable[..., Correction], *, codes: list[str], said: str
) -> None:
    warehouse.items = [{"id": number, "code": code, "held": 5} for number, code in enumerate(codes)]
    with pytest.raises(RejectedError, match=said):
        connect(COUNT).sink().apply(correction())
    assert warehouse.counts == []


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ({"error": ["UserError", ["no such item"]]}, RejectedError, "no such item"),
        ({"error": {"code": -32603, "message": "down"}}, SystemDownError, "down"),
        ({"result": 3}, RetryableError, "step 1 of 2: what the system holds cannot be read"),
    ],
)
def test_look_that_fails_before_the_first_send_says_that_nothing_was_sent(
    connect: Connect,
    warehouse: Counts,
    correction: Callable[..., Correction],
    *,
    answer: Any,
    error: type[FulfillmentError],
    said: str,
) -> None:
    warehouse.answers["item.search"] = answer
    with pytest.raises(error, match=said):
        connect(COUNT).sink().apply(correction())
    assert warehouse.counts == []


def test_refusal_of_a_later_step_says_that_those_before_it_are_done(
    connect: Connect, warehouse: Counts, correction: Callable[..., Correction]
) -> None:
    warehouse.answers["count.confirm"] = {"error": ["UserWarning", ["short.1", "Less than expected"]]}
    with pytest.raises(RejectedError, match=r"step 2 of 2 \(those before it are done\).*Less than expected"):
        connect(COUNT).sink().apply(correction())
    assert [count["state"] for count in warehouse.counts] == ["draft"]


def test_value_that_has_changed_is_found_before_the_first_step_and_not_after_it(
    connect: Connect, warehouse: Counts, correction: Callable[..., Correction]
) -> None:
    warehouse.items[0]["held"] = 6
    sink = connect(COUNT).sink()
    with pytest.raises(PreconditionError, match=r"Expected: held=5\. Found: held=6"):
        sink.apply(correction())
    assert warehouse.counts == []
    warehouse.counts.append({"id": 70, "reference": "key-1", "state": "draft", "qty": 7})
    sink.apply(correction())
    assert (warehouse.items[0]["held"], len(warehouse.counts)) == (7, 1)


def test_step_that_was_done_twice_is_for_a_person(
    connect: Connect, warehouse: Counts, correction: Callable[..., Correction]
) -> None:
    warehouse.counts += [{"id": number, "reference": "key-1", "state": "draft", "qty": 7} for number in (70, 71)]
    with pytest.raises(DuplicateEffectError, match="id=70; id=71"):
        connect(COUNT).sink().apply(correction())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"error": ["UserError", ["no"]]}, RejectedError),
        ({"error": ["ConcurrencyException", ["changed"]]}, PreconditionError),
        ({"error": {"code": -32601, "message": "no"}}, ConfigurationError),
        ({"error": {"code": -32000, "message": "no"}}, UnknownOutcomeError),
        ({"error": {"code": 17, "message": "no"}}, RetryableError),
        ({"id": 1}, UnknownOutcomeError),
        ({"id": 1, "result": []}, UnknownOutcomeError),
        (b'{"id": 1, "resu', UnknownOutcomeError),
        (b"", UnknownOutcomeError),
    ],
)
def test_answer_to_a_call_is_understood_also_where_it_comes_with_200(
    connect: Connect,
    warehouse: Counts,
    correction: Callable[..., Correction],
    *,
    answer: Any,
    error: type[FulfillmentError],
) -> None:
    warehouse.answers["count.create"] = answer
    with pytest.raises(FulfillmentError) as raised:
        connect(COUNT, transport='error_codes: {"17": busy}').sink().apply(correction())
    assert type(raised.value) is error
    assert (warehouse.calls.count("count.create"), warehouse.calls.count("count.confirm")) == (1, 0)


def test_sum_of_what_is_not_there_is_told_before_anything_is_sent(
    connect: Connect, warehouse: Counts, correction: Callable[..., Correction]
) -> None:
    del warehouse.items[0]["held"]
    with pytest.raises(ConfigurationError, match=r"'held' cannot be sent as a number.*None"):
        connect(COUNT).sink().apply(correction())
    assert warehouse.counts == []


def test_number_that_is_none_is_told_before_anything_is_sent(
    connect: Connect, warehouse: Counts, correction: Callable[..., Correction]
) -> None:
    with pytest.raises(ConfigurationError, match=r"'qty' cannot be sent as a number.*'seven'"):
        connect(COUNT).sink().apply(correction(qty="seven"))
    assert warehouse.counts == []


@pytest.mark.parametrize(
    ("needed", "gone", "observed", "lookups"),
    [
        ("{item}", False, Observed.APPLIED, 1),
        ("{item}", True, Observed.UNKNOWN, 1),
        ("{line_id}", True, Observed.APPLIED, 0),
    ],
    ids=["found", "gone", "not needed"],
)
def test_read_back_looks_up_what_it_needs_and_takes_nothing_gone_for_a_refusal(
    connect: Connect,
    server: Any,
    correction: Callable[..., Correction],
    *,
    needed: str,
    gone: bool,
    observed: Observed,
    lookups: int,
) -> None:
    server.script = lambda asked: server.answer(
        200, {"result": [{"held": 7}] if asked.json["method"] == "shown" else [] if gone else [{"id": 4}]}
    )
    declared = f"""
    messages:
      qty.set:
        lookups: [{{call: open, params: ["{{line_id}}"], records: result, take: {{item: id}}}}]
        call: set
        read_back: {{call: shown, params: ["{needed}"], records: result, expect: {{held: qty}}}}
    """
    assert connect(declared).sink().read_back(correction()) is observed
    assert [asked.json["method"] for asked in server.requests].count("open") == lookups
