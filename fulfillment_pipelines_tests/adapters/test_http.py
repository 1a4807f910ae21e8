"""What only HTTP systems do: tokens, paging kinds, patience, status codes."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.domain.snapshot import Scope, Snapshot
from fulfillment_pipelines.errors import (
    BadDataError,
    ConfigurationError,
    FulfillmentError,
    PreconditionError,
    RejectedError,
    RetryableError,
    SystemDownError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.systems.transports.http import HttpSystem

SECRET = "s3cr3t-value"
QUICK = "{attempts: 3, wait_initial_seconds: 0, wait_jitter_seconds: 0}"
OAUTH = "{kind: oauth2_client_credentials, token_path: /token, client_id: us, client_secret: {ref: SITE_SECRET}}"
Make = Callable[..., HttpSystem]


@pytest.fixture
def make(declare: Any, referring: Any, clock: Any, server: Any, request: pytest.FixtureRequest) -> Make:
    """Make a system on the loopback server; close it when the test is over."""

    def make_system(
        *, auth: str = "{kind: none}", paging: str = "{kind: none}", retry: str = QUICK, more: str = "", **options: Any
    ) -> HttpSystem:
        declaration = declare(f"""
system: site
title: Site
role: wms
contract_version: "1"
freshness_seconds: 60
transport:
  kind: http
  base_url: {{ref: SITE_URL}}
  timeout_seconds: 0.3
  auth: {auth}
  retry: {retry}
entities:
  lines:
    contract: lines
    path: /lines
    records: rows
    as_of: {{field: meta.as_of}}
    paging: {paging}
    fields: [line_id]
    key: [line_id]
    {more}
messages:
  qty.set:
    method: PUT
    path: /lines/{{line_id}}
    body: {{qty: qty}}
    read_back: {{path: "/lines/{{line_id}}", expect: {{qty: qty}}}}
""")
        references = referring(SITE_URL=server.url, SITE_SECRET=SECRET)
        system = HttpSystem(declaration, references, clock, **options)
        request.addfinalizer(system.close)
        return system

    return make_system


def page(*ids: str, as_of: str = "2026-03-02T08:00:00Z", **more: Any) -> dict[str, Any]:
    return {"meta": {"as_of": as_of}, "rows": [{"line_id": name} for name in ids], **more}


def ids(snapshot: Snapshot) -> list[str]:
    return [row["line_id"] for page in snapshot.pages for row in json.loads(page.content)["rows"]]


def pull(system: HttpSystem) -> Snapshot:
    return system.source("lines").pull(Scope())


class Tokens:
    """A token endpoint that issues t1, t2, … and accepts only the latest."""

    def __init__(self, server: Any, *, expires_in: int = 600) -> None:
        self.issued = 0
        self.revoked = False
        self._server = server
        self._expires_in = expires_in

    def __call__(self, request: Any) -> Any:
        if request.path == "/token":
            self.issued += 1
            self.revoked = False
            return self._server.answer(200, {"access_token": f"t{self.issued}", "expires_in": self._expires_in})
        if self.revoked or request.headers.get("authorization") != f"Bearer t{self.issued}":
            return self._server.answer(401)
        return self._server.answer(200, page("L1", id="W-9"))


def test_one_token_serves_many_requests(make: Make, server: Any) -> None:
    server.script = tokens = Tokens(server)
    system = make(auth=OAUTH)
    pull(system)
    pull(system)
    assert tokens.issued == 1


def test_token_that_is_refused_is_renewed_once(make: Make, server: Any) -> None:
    server.script = tokens = Tokens(server)
    system = make(auth=OAUTH)
    pull(system)
    tokens.revoked = True
    assert ids(pull(system)) == ["L1"]
    assert tokens.issued == 2


def test_write_refused_for_its_token_is_sent_again_under_a_new_one(
    make: Make, server: Any, correction: Callable[..., Correction]
) -> None:
    server.script = tokens = Tokens(server)
    system = make(auth=OAUTH)
    pull(system)
    tokens.revoked = True
    assert system.sink().apply(correction()).reference == "W-9"
    assert server.paths().count("PUT /lines/L1") == 2


def test_token_is_renewed_before_it_expires(make: Make, server: Any) -> None:
    server.script = tokens = Tokens(server, expires_in=600)
    now = [0.0]
    system = make(auth=OAUTH, monotonic=lambda: now[0])
    pull(system)
    now[0] = 569.0
    pull(system)
    assert tokens.issued == 1
    now[0] = 571.0
    pull(system)
    assert tokens.issued == 2


def test_refused_client_credentials_are_a_configuration_error(make: Make, server: Any) -> None:
    server.script = lambda _: server.answer(401, {"error": "invalid_client"})
    with pytest.raises(ConfigurationError, match="token endpoint refuses"):
        pull(make(auth=OAUTH))
    assert server.paths() == ["POST /token"]


def test_token_endpoint_that_answers_nonsense_is_bad_data(make: Make, server: Any) -> None:
    server.script = lambda _: server.answer(200, b"welcome")
    with pytest.raises(BadDataError, match="token endpoint"):
        pull(make(auth=OAUTH))


def test_credentials_that_are_refused_for_good_are_a_configuration_error(make: Make, server: Any) -> None:
    server.script = lambda request: (
        server.answer(200, {"access_token": "t"}) if request.path == "/token" else server.answer(401)
    )
    with pytest.raises(ConfigurationError, match="refused with our credentials"):
        pull(make(auth=OAUTH))
    assert server.paths() == ["POST /token", "GET /lines", "POST /token", "GET /lines"]


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ("{kind: api_key, header: X-Api-Key, value: {ref: SITE_SECRET}}", "x-api-key", SECRET),
        (
            "{kind: basic, username: us, password: {ref: SITE_SECRET}}",
            "authorization",
            "Basic dXM6czNjcjN0LXZhbHVl",
        ),
    ],
    ids=["api_key", "basic"],
)
def test_every_request_carries_its_credentials(make: Make, server: Any, auth: str, header: str, value: str) -> None:
    server.script = lambda _: server.answer(200, page("L1"))
    pull(make(auth=auth))
    assert server.requests[0].headers[header] == value


def test_no_secret_is_in_an_error_a_representation_or_a_log(
    make: Make, server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script = lambda _: server.answer(503)
    system = make(auth="{kind: api_key, header: X-Api-Key, value: {ref: SITE_SECRET}}")
    with pytest.raises(SystemDownError) as raised:
        pull(system)
    chain = [raised.value, raised.value.__cause__, raised.value.__context__]
    shown = " ".join([*map(repr, chain), *map(str, chain), repr(system), repr(vars(system)), caplog.text])
    assert server.requests
    assert SECRET not in shown


def test_credential_that_cannot_be_sent_is_refused_without_showing_it(
    make: Make, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.SECRET", "line\nbreak")
    with pytest.raises(ConfigurationError, match="cannot be sent") as raised:
        pull(make(auth="{kind: api_key, header: X-Api-Key, value: {ref: SITE_SECRET}}"))
    assert "break" not in str(raised.value)
    assert server.requests == []


def numbered(server: Any, sizes: list[int], answer: Callable[[int, list[str]], Any]) -> None:
    """Serve pages of the given sizes, in the order they are asked for."""
    names = [[f"L{page}-{row}" for row in range(size)] for page, size in enumerate(sizes)]
    server.script = lambda _: answer(len(server.requests) - 1, names[len(server.requests) - 1])


@pytest.mark.parametrize("sizes", [[2, 2, 0], [2, 1], [0]], ids=["full_last_page", "short_last_page", "empty"])
def test_offset_pages_end_with_the_first_that_is_not_full(make: Make, server: Any, sizes: list[int]) -> None:
    numbered(server, sizes, lambda _, names: server.answer(200, page(*names)))
    snapshot = pull(make(paging="{kind: offset, parameter: skip, size_parameter: take, size: 2}"))
    assert [len(json.loads(received.content)["rows"]) for received in snapshot.pages] == sizes
    assert [(asked.query["skip"], asked.query["take"]) for asked in server.requests] == [
        (str(2 * number), "2") for number in range(len(sizes))
    ]


def test_offset_pages_go_on_to_the_declared_total_even_when_the_system_gives_fewer_rows_than_asked(
    make: Make, server: Any
) -> None:
    numbered(server, [2, 2, 1], lambda _, names: server.answer(200, page(*names, total=5)))
    paging = "{kind: offset, parameter: skip, size_parameter: take, size: 100}"
    snapshot = pull(make(paging=paging, more="total_field: total"))
    assert (snapshot.complete, len(ids(snapshot))) == (True, 5)
    assert [asked.query["skip"] for asked in server.requests] == ["0", "2", "4"]


def test_numbered_pages_end_where_the_system_says(make: Make, server: Any) -> None:
    numbered(server, [2, 2], lambda _, names: server.answer(200, page(*names, pages=2)))
    snapshot = pull(make(paging="{kind: page_number, parameter: page, pages_field: pages, size: 2}"))
    assert len(ids(snapshot)) == 4
    assert [asked.query["page"] for asked in server.requests] == ["1", "2"]


def test_linked_pages_are_followed_as_linked(make: Make, server: Any) -> None:
    links = [{"Link": '</lines?token=a%2Fb>; rel="next"'}, {}]
    numbered(server, [1, 1], lambda number, names: server.answer(200, page(*names), links[number]))
    assert ids(pull(make(paging="{kind: link}"))) == ["L0-0", "L1-0"]
    assert server.requests[1].query == {"token": "a/b"}


def test_link_to_another_system_is_not_followed(make: Make, server: Any) -> None:
    server.script = lambda _: server.answer(200, page("L1"), {"Link": '<http://127.0.0.2:9/lines>; rel="next"'})
    with pytest.raises(BadDataError, match="another system"):
        pull(make(paging="{kind: link}"))


def test_pager_that_loops_ends_with_what_came_before(make: Make, server: Any) -> None:
    server.script = lambda _: server.answer(200, page("L1", next="same"))
    snapshot = pull(make(paging="{kind: cursor, parameter: after, next_field: next}"))
    assert not snapshot.complete
    assert "pages do not end" in snapshot.problem
    assert len(server.requests) == 2


def test_snapshot_speaks_of_the_oldest_moment_of_its_pages(make: Make, server: Any) -> None:
    moments = ["2026-03-02T08:05:00Z", "2026-03-02T08:00:00Z", "2026-03-02T08:10:00+00:00"]
    numbered(
        server,
        [1, 1, 1],
        lambda number, names: server.answer(200, page(*names, as_of=moments[number], next=["b", "c", None][number])),
    )
    snapshot = pull(make(paging="{kind: cursor, parameter: after, next_field: next}"))
    assert snapshot.as_of == datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def test_page_bytes_are_kept_as_received(make: Make, server: Any) -> None:
    body = b'{ "meta": {"as_of": "2026-03-02T08:00:00Z"},\n "rows": [{"line_id": "L1", "qty": 1.50, "qty": 2}] }'
    server.script = lambda _: server.answer(200, body)
    assert [received.content for received in pull(make()).pages] == [body]


def test_fewer_rows_than_declared_leave_the_snapshot_incomplete(make: Make, server: Any) -> None:
    server.script = lambda _: server.answer(200, page("L1", total=3))
    snapshot = pull(make(more="total_field: total"))
    assert (snapshot.complete, snapshot.declared_rows) == (False, 3)
    assert snapshot.problem == "site/lines declares 3 rows and sent 1."


def test_declared_sums_are_carried_as_written(make: Make, server: Any) -> None:
    server.script = lambda _: server.answer(200, page("L1", sums={"qty": "12.50"}))
    assert pull(make(more="sum_fields: {qty: sums.qty}")).declared_sums == {"qty": "12.50"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "a list of JSON objects at 'rows'"),
        ({"meta": {"as_of": "2026-03-02T08:00:00Z"}, "rows": "none"}, "a list of JSON objects at 'rows'"),
        ({"meta": {"as_of": "2026-03-02T08:00:00Z"}, "rows": [1]}, "a list of JSON objects at 'rows'"),
        ({"rows": []}, "an instant at 'meta.as_of'"),
        ({"meta": {"as_of": "noon"}, "rows": []}, "an instant at 'meta.as_of'"),
        (b"\xff\xfe", "JSON"),
    ],
)
def test_unreadable_page_says_what_was_expected(make: Make, server: Any, body: Any, said: str) -> None:
    server.script = lambda _: server.answer(200, body)
    with pytest.raises(BadDataError, match=r"site/lines: page 1 cannot be read") as raised:
        pull(make())
    assert said in str(raised.value)


def test_retry_after_is_honoured_instead_of_our_own_patience(make: Make, server: Any) -> None:
    answers = [server.answer(429, headers={"Retry-After": "0"}), server.answer(200, page("L1"))]
    server.script = lambda _: answers[len(server.requests) - 1]
    patient = "{attempts: 2, wait_initial_seconds: 3600, wait_max_seconds: 3600}"
    assert ids(pull(make(retry=patient))) == ["L1"]


def test_retry_after_cannot_make_us_wait_longer_than_declared(make: Make, server: Any) -> None:
    answers = [server.answer(429, headers={"Retry-After": "3600"}), server.answer(200, page("L1"))]
    server.script = lambda _: answers[len(server.requests) - 1]
    assert ids(pull(make(retry="{attempts: 2, wait_initial_seconds: 0, wait_max_seconds: 0}"))) == ["L1"]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_busy_or_absent_system_is_asked_again(make: Make, server: Any, status: int) -> None:
    answers = [server.answer(status), server.answer(hang_up=True), server.answer(200, page("L1"))]
    server.script = lambda _: answers[len(server.requests) - 1]
    assert ids(pull(make())) == ["L1"]


def test_silent_system_is_asked_again_and_then_down(make: Make, server: Any) -> None:
    server.script = lambda _: server.answer(stall=True)
    with pytest.raises(SystemDownError, match=r"GET /lines got no answer.*ReadTimeout"):
        pull(make())
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RejectedError),
        (404, RejectedError),
        (403, ConfigurationError),
        (302, ConfigurationError),
        (500, SystemDownError),
    ],
)
def test_refused_read_is_not_repeated(make: Make, server: Any, status: int, error: type[FulfillmentError]) -> None:
    server.script = lambda _: server.answer(status)
    with pytest.raises(error, match=f"HTTP {status}"):
        pull(make())
    assert len(server.requests) == 1


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


def test_address_that_is_none_is_a_configuration_error(
    make: Make, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(server), "url", "ftp://somewhere.example")
    with pytest.raises(ConfigurationError, match="address") as raised:
        pull(make())
    assert "somewhere" not in str(raised.value)
