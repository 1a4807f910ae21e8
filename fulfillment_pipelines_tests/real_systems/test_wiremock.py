"""The HTTP transport against WireMock: faults on the wire that a scripted server does not make by itself.

Answers are stubs, what came of a request is read in WireMock's own journal, and what a system remembers between two
requests is a state of a WireMock scenario.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.domain.snapshot import Scope, Snapshot
from fulfillment_pipelines.errors import (
    BadDataError,
    RejectedError,
    RetryableError,
    SystemDownError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.systems.declaration import load_declaration
from fulfillment_pipelines.systems.declaration.http import HttpDeclaration
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.http.system import HttpSystem
from scripts.real_systems.wiremock.server import Asked, Server, Stub, started

pytestmark = pytest.mark.only_in_test_systems

LIMIT_SECONDS = 0.8
ATTEMPTS = 3
TOO_LATE = {"fixedDelayMilliseconds": 2000}
NOT_COMPRESSED = {"status": 200, "body": "{}", "headers": {"Content-Encoding": "gzip"}}
TOKEN = "{kind: oauth2_client_credentials, token_path: token, client_id: us, client_secret: {ref: DOCK_SECRET}}"
UNCOMPRESSED = {"Content-Encoding": "identity"}  # otherwise an answer that drips is kept back until it is whole
FAULTS = ("CONNECTION_RESET_BY_PEER", "EMPTY_RESPONSE", "MALFORMED_RESPONSE_CHUNK", "RANDOM_DATA_THEN_CLOSE")
_PAGINGS = {
    "none": "{kind: none}",
    "offset": "{kind: offset, parameter: offset, size_parameter: limit, size: 2}",
    "page_number": "{kind: page_number, parameter: page, pages_field: pages}",
    "cursor": "{kind: cursor, parameter: after, next_field: next}",
    "link": "{kind: link}",
}


class _Wall:
    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started(tmp_path_factory.mktemp("wiremock")) as server:
        yield server


@pytest.fixture
def dock(running: Server) -> Server:
    """A warehouse's interface that knows nothing yet."""
    running.forget()
    return running


@pytest.fixture
def connect(dock: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., HttpSystem]:
    """Connect to the dock by a declaration."""

    def connect_declared(
        paging: str = "none",
        *,
        more: str = "",
        auth: str = "{kind: none}",
        wait_max_seconds: float = 5,
    ) -> HttpSystem:
        path = tmp_path / "dock.yaml"
        path.write_text(
            f"""
system: dock
title: Dock
role: wms
contract_version: "1"
freshness_seconds: 60
transport:
  kind: http
  base_url: {{ref: DOCK_URL}}
  timeout_seconds: {LIMIT_SECONDS}
  auth: {auth}
  retry:
    {{attempts: {ATTEMPTS}, wait_initial_seconds: 0, wait_jitter_seconds: 0, wait_max_seconds: {wait_max_seconds}}}
entities:
  lines:
    contract: lines
    path: /lines
    records: rows
    paging: {_PAGINGS[paging]}
    fields: [line_id]
    key: [line_id]
    {more}
messages:
  qty.set:
    method: PUT
    path: /lines/{{line_id}}
    body: {{qty: {{number: qty}}}}
    read_back: {{path: "/lines/{{line_id}}", expect: {{qty: qty}}}}
""",
            encoding="utf-8",
        )
        declaration = load_declaration(path)
        assert isinstance(declaration, HttpDeclaration)
        system = HttpSystem(declaration, References({"DOCK_URL": dock.url, "DOCK_SECRET": "hush"}), _Wall())
        request.addfinalizer(system.close)
        return system

    return connect_declared


def rows(*names: str, **more: Any) -> dict[str, Any]:
    return {"status": 200, "jsonBody": {"rows": [{"line_id": name} for name in names], **more}}


def when(method: str, path: str, response: Mapping[str, Any], **query: str) -> dict[str, Any]:
    """Say what is answered; a parameter that is empty must be absent."""
    asked = {name: {"equalTo": value} if value else {"absent": True} for name, value in query.items()}
    return {"request": {"method": method, "urlPath": path, "queryParameters": asked}, "response": response}


def in_turn(method: str, path: str, *responses: Mapping[str, Any]) -> list[Stub]:
    """Say what is answered first, then, and ever after."""
    states = ["Started", *(f"after {number}" for number in range(1, len(responses)))]
    following = [*states[1:], states[-1]]
    return [
        {**when(method, path, response), "scenarioName": path, "requiredScenarioState": at, "newScenarioState": then}
        for response, at, then in zip(responses, states, following, strict=True)
    ]


def taken_whatever_is_answered(response: Mapping[str, Any]) -> list[Stub]:
    """Say that the line holds 5 until a write comes, and 7 from then on; the write is answered like this."""
    write = {**when("PUT", "/lines/L1", response), "scenarioName": "L1", "newScenarioState": "written"}
    held = {**when("GET", "/lines/L1", {"jsonBody": {"qty": 5}}), "scenarioName": "L1"}
    holds = {**when("GET", "/lines/L1", {"jsonBody": {"qty": 7}}), "scenarioName": "L1"}
    return [
        write,
        {**held, "requiredScenarioState": "Started"},
        {**holds, "requiredScenarioState": "written"},
    ]


def correction() -> Correction:
    return Correction("COR-1", "dock", "qty.set", {"line_id": "L1", "qty": "7"}, {"qty": "5"}, "key-1")


def pull(system: HttpSystem) -> Snapshot:
    return system.source("lines").pull(Scope())


def names(snapshot: Snapshot) -> list[str]:
    return [row["line_id"] for page in snapshot.pages for row in json.loads(page.content)["rows"]]


def writes(dock: Server) -> list[Asked]:
    return [asked for asked in dock.asked() if asked.method == "PUT"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_connection_that_breaks_once_costs_a_request_and_no_row(
    dock: Server, connect: Callable[..., HttpSystem], fault: str
) -> None:
    dock.answer(*in_turn("GET", "/lines", {"fault": fault}, rows("L1", "L2")))
    snapshot = pull(connect())
    assert (snapshot.complete, names(snapshot)) == (True, ["L1", "L2"])
    assert len(dock.asked()) == 2


@pytest.mark.parametrize("fault", FAULTS)
def test_a_connection_that_breaks_always_is_a_system_that_is_down(
    dock: Server, connect: Callable[..., HttpSystem], fault: str
) -> None:
    dock.answer(when("GET", "/lines", {"fault": fault}))
    with pytest.raises(SystemDownError, match="got no answer"):
        pull(connect())
    assert len(dock.asked()) == ATTEMPTS


def test_an_answer_that_comes_too_late_is_asked_for_again(dock: Server, connect: Callable[..., HttpSystem]) -> None:
    dock.answer(*in_turn("GET", "/lines", {**rows("old"), **TOO_LATE}, rows("L1")))
    assert names(pull(connect())) == ["L1"]


def test_a_page_that_drips_is_taken_and_a_look_that_drips_is_given_up(
    dock: Server, connect: Callable[..., HttpSystem]
) -> None:
    slowly = {"chunkedDribbleDelay": {"numberOfChunks": 10, "totalDuration": 1500}, "headers": UNCOMPRESSED}
    dock.answer(when("GET", "/lines", {**rows("L1", "L2"), **slowly}))
    dock.answer(when("GET", "/lines/L1", {"jsonBody": {"qty": 7}, **slowly}))
    system = connect()
    assert names(pull(system)) == ["L1", "L2"]
    with pytest.raises(SystemDownError, match=f"within {LIMIT_SECONDS:g} seconds"):
        system.sink().read_back(correction())


def test_a_page_that_comes_compressed_is_read(dock: Server, connect: Callable[..., HttpSystem]) -> None:
    many = [f"L{number}" for number in range(5000)]
    dock.answer(when("GET", "/lines", rows(*many)), when("GET", "/lines/L1", {"jsonBody": {"qty": 7, "note": many}}))
    system = connect()
    assert names(pull(system)) == many
    assert system.sink().read_back(correction()) is Observed.APPLIED
    assert all("gzip" in asked.headers["accept-encoding"] for asked in dock.asked())


def test_a_system_that_asks_for_a_pause_gets_it(dock: Server, connect: Callable[..., HttpSystem]) -> None:
    dock.answer(*in_turn("GET", "/lines", {"status": 429, "headers": {"Retry-After": "1"}}, rows("L1")))
    assert names(pull(connect())) == ["L1"]
    first, second = dock.asked()
    assert second.at - first.at >= timedelta(seconds=1)


def test_a_pause_longer_than_our_patience_is_passed_on(dock: Server, connect: Callable[..., HttpSystem]) -> None:
    dock.answer(when("GET", "/lines", {"status": 503, "headers": {"Retry-After": "3600"}}))
    with pytest.raises(SystemDownError, match="HTTP 503") as raised:
        pull(connect(wait_max_seconds=0))
    assert raised.value.retry_after_seconds == 3600
    assert len(dock.asked()) == ATTEMPTS


def test_a_burst_of_503_is_sat_out(dock: Server, connect: Callable[..., HttpSystem]) -> None:
    dock.answer(*in_turn("GET", "/lines", {"status": 503}, {"status": 503}, rows("L1")))
    assert names(pull(connect())) == ["L1"]


def test_a_500_is_told_at_once(dock: Server, connect: Callable[..., HttpSystem]) -> None:
    dock.answer(when("GET", "/lines", {"status": 500, "body": "NullPointerException"}))
    with pytest.raises(SystemDownError, match="HTTP 500"):
        pull(connect())
    assert len(dock.asked()) == 1


def test_half_a_json_is_not_believed(dock: Server, connect: Callable[..., HttpSystem]) -> None:
    dock.answer(when("GET", "/lines", {"status": 200, "body": '{"rows": [{"line_id": "L1"}, {"line_'}))
    with pytest.raises(BadDataError, match="page 1 cannot be read"):
        pull(connect())


def test_a_page_that_has_not_changed_is_not_sent_again(dock: Server, connect: Callable[..., HttpSystem]) -> None:
    whole = when("GET", "/lines", {**rows("L1"), "headers": {"ETag": '"v1"'}})
    unchanged = when("GET", "/lines", {"status": 304, "headers": {"ETag": '"v1"'}})
    unchanged["request"]["headers"] = {"If-None-Match": {"equalTo": '"v1"'}}
    dock.answer(whole, unchanged)
    system = connect(more="conditional: true")
    assert [names(pull(system)), names(pull(system))] == [["L1"], ["L1"]]
    assert [asked.headers.get("if-none-match") for asked in dock.asked()] == [None, '"v1"']


def three_pages(paging: str, url: str) -> list[Stub]:
    """Return the stubs of three pages, L1 L2, L3 L4, L5, and what each paging calls them."""
    first, second, third = ("L1", "L2"), ("L3", "L4"), ("L5",)
    match paging:
        case "offset":
            pages = zip(("0", "2", "4"), (first, second, third), strict=True)
            return [when("GET", "/lines", rows(*page), offset=offset, limit="2") for offset, page in pages]
        case "page_number":
            pages = zip("123", (first, second, third), strict=True)
            return [when("GET", "/lines", rows(*page, pages=3), page=number) for number, page in pages]
        case "cursor":
            told = ((first, "", "b"), (second, "b", "c"), (third, "c", None))
            return [when("GET", "/lines", rows(*page, next=then), after=after) for page, after, then in told]
        case _:
            linked = ((first, "", f"{url}/lines?at=2"), (second, "2", "/lines?at=3"), (third, "3", ""))
            return [
                when(
                    "GET",
                    "/lines",
                    {**rows(*page), "headers": {"Link": f'<{link}>; rel="next"'} if link else {}},
                    at=at,
                )
                for page, at, link in linked
            ]


@pytest.mark.parametrize("paging", ["offset", "page_number", "cursor", "link"])
def test_pages_are_followed_to_the_last(dock: Server, connect: Callable[..., HttpSystem], paging: str) -> None:
    dock.answer(*three_pages(paging, dock.url))
    snapshot = pull(connect(paging))
    assert (snapshot.complete, names(snapshot)) == (True, ["L1", "L2", "L3", "L4", "L5"])
    assert len(dock.asked()) == 3


@pytest.mark.parametrize(
    ("response", "why"),
    [
        *(({"fault": fault}, "got no answer") for fault in FAULTS),
        (TOO_LATE, f"within {LIMIT_SECONDS:g} seconds"),
        ({"status": 503}, "HTTP 503"),
        ({"status": 404}, "HTTP 404"),
        ({"status": 200, "body": '{"rows": ['}, "page 2 cannot be read"),
        ({"status": 200, "body": '{"rows": ' + "[" * 200_000}, "nested too deep"),
        (NOT_COMPRESSED, "DecodingError"),
    ],
    ids=[*FAULTS, "too late", "503", "404", "truncated JSON", "deep JSON", "not compressed"],
)
def test_a_second_page_that_fails_leaves_the_snapshot_incomplete_and_says_why(
    dock: Server, connect: Callable[..., HttpSystem], response: Mapping[str, Any], why: str
) -> None:
    first, _, third = three_pages("cursor", dock.url)
    dock.answer(first, when("GET", "/lines", response, after="b"), third)
    snapshot = pull(connect("cursor"))
    assert (snapshot.complete, names(snapshot)) == (False, ["L1", "L2"])
    assert snapshot.problem.startswith("Page 2 of dock/lines failed.")
    assert why in snapshot.problem
    assert snapshot.cursor is None


@pytest.mark.parametrize(
    "response",
    [
        *({"fault": fault} for fault in FAULTS),
        TOO_LATE,
        {
            "jsonBody": {"qty": 7},
            "headers": UNCOMPRESSED,
            "chunkedDribbleDelay": {"numberOfChunks": 5, "totalDuration": 2000},
        },
        {"status": 500},
        {"status": 504},
        {"status": 200, "body": '{"qty": '},
        NOT_COMPRESSED,
    ],
    ids=[*FAULTS, "too late", "drips", "500", "504", "truncated JSON", "not compressed"],
)
def test_a_write_whose_answer_is_lost_is_sent_once_and_found_by_looking(
    dock: Server, connect: Callable[..., HttpSystem], response: Mapping[str, Any]
) -> None:
    dock.answer(*taken_whatever_is_answered(response))
    sink = connect().sink()
    assert sink.read_back(correction()) is Observed.ABSENT
    with pytest.raises(UnknownOutcomeError, match="read back before anything is sent again"):
        sink.apply(correction())
    assert sink.read_back(correction()) is Observed.APPLIED
    (write,) = writes(dock)
    assert write.headers["idempotency-key"] == "key-1"
    assert json.loads(write.body) == {"qty": 7}


def test_a_write_that_is_sent_again_carries_the_same_key(dock: Server, connect: Callable[..., HttpSystem]) -> None:
    taken = {"status": 201, "headers": {"Location": "/effects/1"}}
    dock.answer(*in_turn("PUT", "/lines/L1", {"fault": "EMPTY_RESPONSE"}, taken))
    sink = connect().sink()
    with pytest.raises(UnknownOutcomeError):
        sink.apply(correction())
    receipt = sink.apply(correction())
    assert (receipt.observed, receipt.reference) == (Observed.APPLIED, "/effects/1")
    assert [write.headers["idempotency-key"] for write in writes(dock)] == ["key-1", "key-1"]


def test_a_write_that_comes_too_soon_is_put_off_as_long_as_the_system_asks(
    dock: Server, connect: Callable[..., HttpSystem]
) -> None:
    dock.answer(*taken_whatever_is_answered({"status": 200}))
    dock.answer(when("PUT", "/lines/L1", {"status": 429, "headers": {"Retry-After": "30"}}))
    sink = connect().sink()
    with pytest.raises(RetryableError) as raised:
        sink.apply(correction())
    assert raised.value.retry_after_seconds == 30
    assert sink.read_back(correction()) is Observed.ABSENT
    assert len(writes(dock)) == 1


def test_a_write_that_is_refused_is_not_repeated_and_the_refusal_is_told(
    dock: Server, connect: Callable[..., HttpSystem]
) -> None:
    dock.answer(when("PUT", "/lines/L1", {"status": 422, "jsonBody": {"detail": "line is closed"}}))
    with pytest.raises(RejectedError, match="line is closed"):
        connect().sink().apply(correction())
    assert len(writes(dock)) == 1


def test_a_token_that_drips_does_not_hold_a_correction_longer_than_the_time_limit(
    dock: Server, connect: Callable[..., HttpSystem]
) -> None:
    slowly = {"chunkedDribbleDelay": {"numberOfChunks": 10, "totalDuration": 3000}, "headers": UNCOMPRESSED}
    dock.answer(when("POST", "/token", {"jsonBody": {"access_token": "a", "expires_in": 3600}, **slowly}))
    system = connect(auth=TOKEN)
    with pytest.raises(RetryableError, match="asking for a token"):
        system.sink().apply(correction())
    assert writes(dock) == []


def test_a_token_endpoint_that_breaks_costs_no_row(dock: Server, connect: Callable[..., HttpSystem]) -> None:
    token = {"jsonBody": {"access_token": "a", "expires_in": 3600}}
    dock.answer(*in_turn("POST", "/token", {"fault": "EMPTY_RESPONSE"}, {"status": 503}, token))
    guarded = when("GET", "/lines", rows("L1"))
    guarded["request"]["headers"] = {"Authorization": {"equalTo": "Bearer a"}}
    dock.answer(guarded)
    assert names(pull(connect(auth=TOKEN))) == ["L1"]
