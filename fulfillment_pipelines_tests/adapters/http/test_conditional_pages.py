"""Pages that the system knows by their version are sent again only when they changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fulfillment_pipelines.domain.snapshot import Scope, Snapshot
from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.systems.transports.http.system import HttpSystem

Make = Callable[..., HttpSystem]
PAGED = "{kind: offset, parameter: skip, size_parameter: take, size: 1}"


class Versioned:
    """A site that holds one line a page and answers 304 to who has its version already."""

    def __init__(self, server: Any, *quantities: int) -> None:
        self.quantities = list(quantities)
        self.sent = 0
        self.breaks_at: int | None = None
        self._server = server

    def __call__(self, asked: Any) -> Any:
        place = int(asked.query["skip"])
        if place == self.breaks_at:
            return self._server.answer(500)
        held = self.quantities[place : place + 1]
        version = f'"{place}-{held}"'
        if asked.headers.get("if-none-match") == version:
            return self._server.answer(304, b"", {"ETag": version})
        self.sent += 1
        rows = [{"line_id": f"L{place}", "qty": qty} for qty in held]
        body = {"meta": {"as_of": "2026-03-02T08:00:00Z"}, "rows": rows}
        return self._server.answer(200, body, {"ETag": version})


def pull(system: HttpSystem) -> Snapshot:
    return system.source("lines").pull(Scope())


def quantities(snapshot: Snapshot) -> list[int]:
    return [row["qty"] for page in snapshot.pages for row in json.loads(page.content)["rows"]]


def test_unchanged_page_is_the_page_of_last_time_and_a_changed_one_is_sent(make: Make, server: Any) -> None:
    server.script = site = Versioned(server, 1, 2, 3)
    system = make(paging=PAGED, more="conditional: true")
    first = pull(system)
    assert (quantities(first), site.sent) == ([1, 2, 3], 4)
    site.quantities[1] = 9
    second = pull(system)
    assert (quantities(second), site.sent) == ([1, 9, 3], 5)
    assert second.complete
    assert second.pages[0].content == first.pages[0].content


def test_nothing_is_kept_over_a_restart(make: Make, server: Any) -> None:
    server.script = site = Versioned(server, 1)
    pull(make(paging=PAGED, more="conditional: true"))
    pull(make(paging=PAGED, more="conditional: true"))
    assert site.sent == 4


def test_pages_that_a_broken_pull_did_not_reach_are_still_known(make: Make, server: Any) -> None:
    server.script = site = Versioned(server, 1, 2)
    system = make(paging=PAGED, more="conditional: true")
    pull(system)
    site.breaks_at = 1
    assert not pull(system).complete
    site.breaks_at = None
    assert quantities(pull(system)) == [1, 2]
    assert site.sent == 3


def test_entity_that_does_not_ask_for_it_is_read_whole(make: Make, server: Any) -> None:
    server.script = site = Versioned(server, 1)
    system = make(paging=PAGED)
    pull(system)
    pull(system)
    assert site.sent == 4


def test_no_change_since_nothing_is_no_answer(make: Make, server: Any) -> None:
    server.script = lambda _: server.answer(304, b"")
    with pytest.raises(RejectedError, match="HTTP 304"):
        pull(make(more="conditional: true"))
