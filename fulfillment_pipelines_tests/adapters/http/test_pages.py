"""What a pull makes of pages: their order, their end, their moment, and a system that fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from fulfillment_pipelines.domain.snapshot import Scope, Snapshot
from fulfillment_pipelines.errors import (
    BadDataError,
    ConfigurationError,
    FulfillmentError,
    RejectedError,
    SystemDownError,
)
from fulfillment_pipelines.systems.transports.http.system import HttpSystem

PATIENT = "{attempts: 2, wait_initial_seconds: 20, wait_max_seconds: 20}"
Make = Callable[..., HttpSystem]


def ids(snapshot: Snapshot) -> list[str]:
    return [row["line_id"] for page in snapshot.pages for row in json.loads(page.content)["rows"]]


def pull(system: HttpSystem) -> Snapshot:
    return system.source("lines").pull(Scope())


def numbered(server: Any, sizes: list[int], answer: Callable[[int, list[str]], Any]) -> None:
    """Serve pages of the given sizes, in the order they are asked for."""
    names = [[f"L{page}-{row}" for row in range(size)] for page, size in enumerate(sizes)]
    server.script = lambda _: answer(len(server.requests) - 1, names[len(server.requests) - 1])


@pytest.mark.parametrize("sizes", [[2, 2, 0], [2, 1], [0]], ids=["full_last_page", "short_last_page", "empty"])
def test_offset_pages_end_with_the_first_that_is_not_full(make: Make, server: Any, sizes: list[int]) -> None:
    numbered(server, sizes, lambda _, names: server.answer(200, server.page(*names)))
    snapshot = pull(make(paging="{kind: offset, parameter: skip, size_parameter: take, size: 2}"))
    assert [len(json.loads(received.content)["rows"]) for received in snapshot.pages] == sizes
    assert [(asked.query["skip"], asked.query["take"]) for asked in server.requests] == [
        (str(2 * number), "2") for number in range(len(sizes))
    ]


def test_offset_pages_go_on_to_the_declared_total_even_when_the_system_gives_fewer_rows_than_asked(
    make: Make, server: Any
) -> None:
    numbered(server, [2, 2, 1], lambda _, names: server.answer(200, server.page(*names, total=5)))
    paging = "{kind: offset, parameter: skip, size_parameter: take, size: 100}"
    snapshot = pull(make(paging=paging, more="total_field: total"))
    assert (snapshot.complete, len(ids(snapshot))) == (True, 5)
    assert [asked.query["skip"] for asked in server.requests] == ["0", "2", "4"]


def test_numbered_pages_end_where_the_system_says(make: Make, server: Any) -> None:
    numbered(server, [2, 2], lambda _, names: server.answer(200, server.page(*names, pages=2)))
    snapshot = pull(make(paging="{kind: page_number, parameter: page, pages_field: pages, size: 2}"))
    assert len(ids(snapshot)) == 4
    assert [asked.query["page"] for asked in server.requests] == ["1", "2"]


def test_linked_pages_are_followed_as_linked(make: Make, server: Any) -> None:
    links = [{"Link": '</lines?token=a%2Fb>; rel="next"'}, {}]
    numbered(server, [1, 1], lambda number, names: server.answer(200, server.page(*names), links[number]))
    assert ids(pull(make(paging="{kind: link}"))) == ["L0-0", "L1-0"]
    assert server.requests[1].query == {"token": "a/b"}


def test_link_to_another_system_is_not_followed(make: Make, server: Any) -> None:
    server.script = lambda _: server.answer(200, server.page("L1"), {"Link": '<http://127.0.0.2:9/lines>; rel="next"'})
    with pytest.raises(BadDataError, match="another system"):
        pull(make(paging="{kind: link}"))


def test_pager_that_loops_ends_with_what_came_before(make: Make, server: Any) -> None:
    server.script = lambda _: server.answer(200, server.page("L1", next="same"))
    snapshot = pull(make(paging="{kind: cursor, parameter: after, next_field: next}"))
    assert not snapshot.complete
    assert "pages do not end" in snapshot.problem
    assert len(server.requests) == 2


def test_snapshot_speaks_of_the_oldest_moment_of_its_pages(make: Make, server: Any) -> None:
    moments = ["2026-03-02T08:05:00Z", "2026-03-02T08:00:00Z", "2026-03-02T08:10:00+00:00"]
    numbered(
        server,
        [1, 1, 1],
        lambda number, names: server.answer(
            200, server.page(*names, as_of=moments[number], next=["b", "c", None][number])
        ),
    )
    snapshot = pull(make(paging="{kind: cursor, parameter: after, next_field: next}"))
    assert snapshot.as_of == datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


_SINCE = "since: {parameter: changed_since}"


def _changes(server: Any, pages: dict[str, tuple[list[str], str | None]]) -> None:
    """Serve pages by the cursor they are asked for with; any other is refused."""

    def answer(asked: Any) -> Any:
        if asked.query.get("after", "") not in pages:
            return server.answer(410, {"error": "this cursor has expired"})
        names, following = pages[asked.query.get("after", "")]
        return server.answer(
            200, server.page(*names, next=following, as_of=f"2026-03-02T08:0{len(server.requests)}:00Z")
        )

    server.script = answer


def test_many_changes_come_in_pieces_that_go_on_from_one_another_and_the_cursor_moves_with_the_last(
    make: Make, server: Any
) -> None:
    _changes(server, {"": (["L1", "L2"], "b"), "b": (["L3"], "c"), "c": (["L4"], "d"), "d": (["L5"], None)})
    source = make(paging="{kind: cursor, parameter: after, next_field: next}", more=_SINCE).source("lines")
    since = "2026-03-02T07:00:00Z"
    pieces = [source.pull(Scope(since=since, most_rows=2)) for _ in range(3)]
    assert [ids(piece) for piece in pieces] == [["L1", "L2"], ["L3", "L4"], ["L5"]]
    assert [piece.has_more for piece in pieces] == [True, True, False]
    assert [piece.cursor for piece in pieces[:2]] == [since, since]
    # What changes while the pieces come is asked for again: the cursor is of the first page's moment.
    assert (pieces[2].cursor, pieces[2].as_of) == ("2026-03-02T08:01:00Z", datetime(2026, 3, 2, 8, 1, tzinfo=UTC))
    assert [asked.query["changed_since"] for asked in server.requests] == [since] * 4


def test_place_among_the_pages_that_has_expired_is_left_and_all_changes_come_at_once(make: Make, server: Any) -> None:
    pages: dict[str, tuple[list[str], str | None]] = {"": (["L1", "L2"], "b"), "b": (["L3", "L4"], None)}
    _changes(server, pages)
    source = make(paging="{kind: cursor, parameter: after, next_field: next}", more=_SINCE).source("lines")
    scope = Scope(since="2026-03-02T07:00:00Z", most_rows=2)
    assert source.pull(scope).has_more
    pages["x"] = pages.pop("b")
    pages[""] = (["L1", "L2"], "x")
    again = source.pull(scope)
    assert (ids(again), again.has_more) == (["L1", "L2", "L3", "L4"], False)


def test_pages_that_are_found_by_counting_are_not_broken_off(make: Make, server: Any) -> None:
    numbered(server, [2, 2, 1], lambda _, names: server.answer(200, server.page(*names)))
    paging = "{kind: offset, parameter: skip, size_parameter: take, size: 2}"
    snapshot = make(paging=paging, more=_SINCE).source("lines").pull(Scope(since="2026-03-02T07:00:00Z", most_rows=2))
    assert (len(ids(snapshot)), snapshot.has_more) == (5, False)


def test_pager_that_loops_over_pieces_ends_too(make: Make, server: Any) -> None:
    _changes(server, {"": (["L1"], "b"), "b": (["L2"], "b")})
    source = make(paging="{kind: cursor, parameter: after, next_field: next}", more=_SINCE).source("lines")
    scope = Scope(since="2026-03-02T07:00:00Z", most_rows=1)
    assert [source.pull(scope).has_more for _ in range(2)] == [True, True]
    last = source.pull(scope)
    assert (last.complete, last.has_more, last.cursor) == (False, False, None)
    assert "pages do not end" in last.problem


def test_page_bytes_are_kept_as_received(make: Make, server: Any) -> None:
    body = b'{ "meta": {"as_of": "2026-03-02T08:00:00Z"},\n "rows": [{"line_id": "L1", "qty": 1.50, "qty": 2}] }'
    server.script = lambda _: server.answer(200, body)
    assert [received.content for received in pull(make()).pages] == [body]


def test_fewer_rows_than_declared_leave_the_snapshot_incomplete(make: Make, server: Any) -> None:
    server.script = lambda _: server.answer(200, server.page("L1", total=3))
    snapshot = pull(make(more="total_field: total"))
    assert (snapshot.complete, snapshot.declared_rows) == (False, 3)
    assert snapshot.problem == "site/lines declares 3 rows and sent 1."


def test_declared_sums_are_carried_as_written(make: Make, server: Any) -> None:
    server.script = lambda _: server.answer(200, server.page("L1", sums={"qty": "12.50"}))
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
    answers = [server.answer(429, headers={"Retry-After": "0"}), server.answer(200, server.page("L1"))]
    server.script = lambda _: answers[len(server.requests) - 1]
    asked_at = time.monotonic()
    assert ids(pull(make(retry=PATIENT))) == ["L1"]
    assert time.monotonic() - asked_at < 15


def test_retry_after_cannot_make_us_wait_longer_than_declared(make: Make, server: Any) -> None:
    answers = [server.answer(429, headers={"Retry-After": "3600"}), server.answer(200, server.page("L1"))]
    server.script = lambda _: answers[len(server.requests) - 1]
    assert ids(pull(make(retry="{attempts: 2, wait_initial_seconds: 0, wait_max_seconds: 0}"))) == ["L1"]


def test_retry_after_may_be_a_date_by_the_clock_of_the_system(make: Make, server: Any) -> None:
    times = {"Date": "Mon, 02 Mar 2026 09:00:01 GMT", "Retry-After": "Mon, 02 Mar 2026 09:00:00 GMT"}
    answers = [server.answer(429, headers=times), server.answer(200, server.page("L1"))]
    server.script = lambda _: answers[len(server.requests) - 1]
    asked_at = time.monotonic()
    assert ids(pull(make(retry=PATIENT))) == ["L1"]
    assert time.monotonic() - asked_at < 15


@pytest.mark.parametrize("written", ["soon", "Mon, 02 Mar 2026 09:00:00 GMT"])
def test_retry_after_that_says_nothing_leaves_us_to_our_own_patience(make: Make, server: Any, written: str) -> None:
    answers = [server.answer(429, headers={"Retry-After": written, "Date": ""}), server.answer(200, server.page("L1"))]
    server.script = lambda _: answers[len(server.requests) - 1]
    assert ids(pull(make())) == ["L1"]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_busy_or_absent_system_is_asked_again(make: Make, server: Any, status: int) -> None:
    answers = [server.answer(status), server.answer(hang_up=True), server.answer(200, server.page("L1"))]
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


@pytest.mark.parametrize("address", ["ftp://us:s3cr3t@site.example", "http://site.example:s3cr3t", "s3cr3t"])
def test_address_that_is_none_is_told_without_being_repeated(
    make: Make, server: Any, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(type(server), "url", address)
    with pytest.raises(ConfigurationError, match="address") as raised:
        pull(make())
    assert "s3cr3t" not in f"{raised.value} {raised.value.__cause__!r}"
