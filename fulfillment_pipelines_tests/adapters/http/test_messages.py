"""What a message over HTTP says, and what its answer means."""

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

OAUTH = "{kind: oauth2_client_credentials, token_path: /token, client_id: us, client_secret: {ref: SITE_SECRET}}"
COMPARED = 'precondition_read: {path: "/lines/{line_id}", expect: {qty: qty}'
Make = Callable[..., HttpSystem]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RejectedError),
        (401, ConfigurationError),
        (404, RejectedError),
        (302, UnknownOutcomeError),
        (408, UnknownOutcomeError),
        (409, PreconditionError),
        (412, PreconditionError),
        (422, RejectedError),
        (423, RetryableError),
        (429, RetryableError),
        (500, UnknownOutcomeError),
        (503, UnknownOutcomeError),
    ],
)
def test_refused_write_says_what_happens_next_and_is_sent_once(
    make: Make, server: Any, correction: Callable[..., Correction], status: int, error: type[FulfillmentError]
) -> None:
    server.script = lambda _: server.answer(status, {"error": "the site says so"})
    with pytest.raises(FulfillmentError, match=f"HTTP {status}.*the site says so") as raised:
        make().sink().apply(correction())
    assert type(raised.value) is error
    assert [path for path in server.paths() if path.startswith("PUT")] == ["PUT /lines/L1"]


def test_write_without_an_answer_has_an_unknown_outcome_and_is_sent_once(
    make: Make, server: Any, correction: Callable[..., Correction]
) -> None:
    server.script = lambda _: server.answer(stall=True)
    with pytest.raises(UnknownOutcomeError, match="ReadTimeout"):
        make().sink().apply(correction())
    assert len(server.requests) == 1


def test_token_that_cannot_be_had_means_that_nothing_was_sent(
    make: Make, server: Any, correction: Callable[..., Correction]
) -> None:
    server.script = lambda _: server.answer(503)
    with pytest.raises(RetryableError, match="asking for a token"):
        make(auth=OAUTH).sink().apply(correction())
    assert server.paths() == ["POST /token"]


@pytest.mark.parametrize(
    ("status", "headers", "observed", "reference"),
    [
        (201, {"Location": "/changes/8"}, Observed.APPLIED, "/changes/8"),
        (200, {}, Observed.APPLIED, "12"),
        (202, {}, Observed.QUEUED, "12"),
    ],
)
def test_receipt_says_what_the_system_answered(
    make: Make,
    server: Any,
    clock: Any,
    correction: Callable[..., Correction],
    *,
    status: int,
    headers: dict[str, str],
    observed: Observed,
    reference: str,
) -> None:
    server.script = lambda _: server.answer(status, {"id": 12}, headers)
    receipt = make().sink().apply(correction())
    assert (receipt.observed, receipt.reference, receipt.received_at) == (observed, reference, clock.now())


def test_write_carries_its_key_and_a_path_that_is_quoted(
    make: Make, server: Any, correction: Callable[..., Correction]
) -> None:
    server.script = lambda _: server.answer(204, b"")
    make().sink().apply(correction(line="A/B ?c=1&é"))
    (sent,) = server.requests
    assert (sent.path, sent.query) == ("/lines/A%2FB%20%3Fc%3D1%26%C3%A9", {})
    assert sent.headers["idempotency-key"] == "key-1"
    assert sent.json == {"qty": "7"}


def test_path_cannot_be_climbed_out_of(make: Make, server: Any, correction: Callable[..., Correction]) -> None:
    with pytest.raises(ConfigurationError, match="line_id"):
        make().sink().apply(correction(line=".."))
    assert server.requests == []


@pytest.mark.parametrize(
    ("status", "body", "observed"),
    [
        (200, b'{"qty": 7.000}', Observed.APPLIED),
        (200, {"qty": "7"}, Observed.APPLIED),
        (200, {"qty": 6}, Observed.ABSENT),
        (200, {}, Observed.ABSENT),
        (404, {}, Observed.ABSENT),
        (200, b"maintenance", Observed.UNKNOWN),
        (200, b"3", Observed.UNKNOWN),
    ],
)
def test_read_back_tells_what_the_system_shows(
    make: Make, server: Any, correction: Callable[..., Correction], *, status: int, body: Any, observed: Observed
) -> None:
    server.script = lambda _: server.answer(status, body)
    assert make().sink().read_back(correction()) is observed


@pytest.mark.parametrize("status", [429, 503])
def test_refusal_carries_how_long_the_system_asks_to_be_left_alone(
    make: Make, server: Any, correction: Callable[..., Correction], status: int
) -> None:
    server.script = lambda _: server.answer(status, headers={"Retry-After": "90"})
    with pytest.raises(FulfillmentError) as raised:
        make().sink().apply(correction())
    assert raised.value.retry_after_seconds == 90
    with pytest.raises(SystemDownError) as unseen:
        make(retry="{attempts: 1}").sink().read_back(correction())
    assert unseen.value.retry_after_seconds == 90


@pytest.mark.parametrize("body", [b'{"id": 12, "qt', b"<html>Sorry</html>"])
def test_success_that_cannot_be_read_has_an_unknown_outcome(
    make: Make, server: Any, correction: Callable[..., Correction], body: bytes
) -> None:
    server.script = lambda _: server.answer(200, body, {"Content-Type": "application/json"})
    with pytest.raises(UnknownOutcomeError, match=r"no answer.*application/json: "):
        make().sink().apply(correction())
    assert len(server.requests) == 1


def test_refusal_of_a_value_that_is_already_there_is_a_success(
    make: Make, server: Any, correction: Callable[..., Correction]
) -> None:
    """An earlier attempt may have had the effect, and its answer may never have come."""
    server.script = lambda asked: server.answer(200, {"qty": 7}) if asked.method == "GET" else server.answer(409)
    assert make().sink().apply(correction()).observed is Observed.APPLIED


def test_refusal_stands_where_the_system_cannot_be_looked_at(
    make: Make, server: Any, correction: Callable[..., Correction]
) -> None:
    server.script = lambda asked: server.answer(500) if asked.method == "GET" else server.answer(409)
    with pytest.raises(PreconditionError, match="HTTP 409"):
        make().sink().apply(correction())


def test_precondition_is_read_just_before_the_write_where_the_system_compares_nothing(
    make: Make, server: Any, correction: Callable[..., Correction]
) -> None:
    server.script = lambda _: server.answer(200, {"qty": 5}, {"ETag": '"v3"'})
    make(message=f"{COMPARED}, if_match: true}}").sink().apply(correction())
    looked, wrote = server.requests
    assert (looked.method, wrote.method, wrote.headers["if-match"]) == ("GET", "PUT", '"v3"')


def test_value_that_has_changed_is_not_written_over(
    make: Make, server: Any, correction: Callable[..., Correction]
) -> None:
    server.script = lambda _: server.answer(200, {"qty": 6})
    with pytest.raises(PreconditionError, match=r"Expected: qty=5\. Found: qty=6"):
        make(message=f"{COMPARED}}}").sink().apply(correction())
    assert "PUT /lines/L1" not in server.paths()


@pytest.mark.parametrize(
    ("answers", "declared", "error"),
    [
        ((503, {}), COMPARED, SystemDownError),
        ((200, b"maintenance"), COMPARED, RetryableError),
        ((404, {}), COMPARED, PreconditionError),
        ((200, {"qty": 5}), f"{COMPARED}, if_match: true", ConfigurationError),
    ],
    ids=["away", "unreadable", "gone", "without a version"],
)
def test_nothing_is_written_where_the_precondition_cannot_be_seen(
    make: Make,
    server: Any,
    correction: Callable[..., Correction],
    *,
    answers: tuple[int, Any],
    declared: str,
    error: type[FulfillmentError],
) -> None:
    server.script = lambda _: server.answer(*answers)
    with pytest.raises(error):
        make(message=f"{declared}}}").sink().apply(correction())
    assert "PUT /lines/L1" not in server.paths()


@pytest.mark.parametrize(("rows", "is_sent"), [([], True), ([{"qty": 1}], False)])
def test_what_must_not_be_there_yet_is_looked_for(
    make: Make, server: Any, correction: Callable[..., Correction], *, rows: list[Any], is_sent: bool
) -> None:
    server.script = lambda asked: server.answer(200, {"rows": rows, "qty": "" if asked.method == "GET" else 7})
    sink = make(message='precondition_read: {path: "/lines?id={line_id}", records: rows, absent: true}').sink()
    if is_sent:
        sink.apply(correction())
    else:
        with pytest.raises(PreconditionError, match="nothing there yet"):
            sink.apply(correction())
    assert ("PUT /lines/L1" in server.paths()) is is_sent


def test_second_record_is_told_where_there_may_be_only_one(
    make: Make, server: Any, correction: Callable[..., Correction]
) -> None:
    server.script = lambda _: server.answer(200, [{"qty": 7}, {"qty": 7.0}, {"qty": 6}])
    with pytest.raises(DuplicateEffectError, match="2 records"):
        make(looking="only_one: true").sink().read_back(correction())
    assert make().sink().read_back(correction()) is Observed.APPLIED


@pytest.mark.parametrize(("shown", "observed"), [((200, {"qty": 7}), Observed.APPLIED), ((404, None), Observed.QUEUED)])
def test_send_that_is_looked_at_is_believed_as_far_as_it_shows(
    make: Make,
    server: Any,
    correction: Callable[..., Correction],
    *,
    shown: tuple[int, Any],
    observed: Observed,
) -> None:
    server.script = lambda asked: server.answer(*shown) if asked.method == "GET" else server.answer(200, {"id": 12})
    receipt = make(looking="after_send: true").sink().apply(correction())
    assert (receipt.observed, receipt.reference) == (observed, "12")
    assert server.paths() == ["PUT /lines/L1", "GET /lines/L1"]


def test_send_that_cannot_be_looked_at_has_an_unknown_outcome(
    make: Make, server: Any, correction: Callable[..., Correction]
) -> None:
    server.script = lambda asked: server.answer(500 if asked.method == "GET" else 200, {})
    with pytest.raises(UnknownOutcomeError, match="cannot be looked at"):
        make(looking="after_send: true").sink().apply(correction())


def test_answer_that_drips_is_given_up_at_the_declared_limit(
    make: Make, server: Any, correction: Callable[..., Correction]
) -> None:
    """Each byte comes in time, and the answer as a whole does not."""
    server.script = lambda _: server.answer(200, {"id": 12, "text": "long"}, drips=True)
    with pytest.raises(UnknownOutcomeError, match="ReadTimeout"):
        make().sink().apply(correction())
    with pytest.raises(SystemDownError, match="ReadTimeout"):
        make(retry="{attempts: 1}").sink().read_back(correction())
