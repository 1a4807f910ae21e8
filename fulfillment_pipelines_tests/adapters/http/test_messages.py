"""What a message over HTTP says, and what its answer means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.errors import (
    ConfigurationError,
    FulfillmentError,
    PreconditionError,
    RejectedError,
    RetryableError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.systems.transports.http import HttpSystem

OAUTH = "{kind: oauth2_client_credentials, token_path: /token, client_id: us, client_secret: {ref: SITE_SECRET}}"
Make = Callable[..., HttpSystem]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RejectedError),
        (401, ConfigurationError),
        (404, RejectedError),
        (409, PreconditionError),
        (412, PreconditionError),
        (422, RejectedError),
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
    assert server.paths() == ["PUT /lines/L1"]


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
