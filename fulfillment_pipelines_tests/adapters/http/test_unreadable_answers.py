"""Answers whose JSON is nested deeper than Python reads: told as what they are, and never as a crash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fulfillment_pipelines.domain.correction import Observed
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.errors import BadDataError, ConfigurationError, UnknownOutcomeError
from fulfillment_pipelines.systems.transports.http.system import HttpSystem

DEEP = b'{"rows": ' + b"[" * 200_000
TOKEN = """
auth:
  kind: oauth2_client_credentials
  token_path: token
  client_id: us
  client_secret: {ref: SITE_SECRET}
"""
LOGIN = """
auth:
  kind: session_login
  username: us
  password: {ref: SITE_SECRET}
  login: {path: login, content: {password: "{password}"}}
  take: {token: token}
"""


def test_page_that_is_nested_too_deep_is_bad_data(server: Any, make: Callable[..., HttpSystem]) -> None:
    server.script = lambda _: server.answer(200, DEEP)
    with pytest.raises(BadDataError, match="nested too deep"):
        make().source("lines").pull(Scope())


def test_later_page_that_is_nested_too_deep_leaves_those_before_it(
    server: Any, make: Callable[..., HttpSystem]
) -> None:
    def script(request: Any) -> Any:
        return server.answer(200, DEEP if "after" in request.query else server.page("L1", next="x"))

    server.script = script
    snapshot = make(paging="{kind: cursor, parameter: after, next_field: next}").source("lines").pull(Scope())
    assert (snapshot.complete, len(snapshot.pages)) == (False, 1)
    assert "nested too deep" in snapshot.problem


def test_write_whose_answer_is_nested_too_deep_has_an_unknown_outcome(
    server: Any, make: Callable[..., HttpSystem], correction: Any
) -> None:
    server.script = lambda _: server.answer(200, DEEP)
    sink = make().sink()
    with pytest.raises(UnknownOutcomeError, match="what is no answer"):
        sink.apply(correction())
    assert sink.read_back(correction()) is Observed.UNKNOWN
    assert server.paths() == ["PUT /lines/L1", "GET /lines/L1"]


def test_call_whose_answer_is_nested_too_deep_is_bad_data(server: Any, connect: Callable[..., HttpSystem]) -> None:
    server.script = lambda _: server.answer(200, DEEP)
    system = connect(
        "entities: {lines: {contract: lines, call: lines.all, params: [], records: result, "
        "fields: [line_id], key: [line_id]}}"
    )
    with pytest.raises(BadDataError, match="nested too deep"):
        system.source("lines").pull(Scope())


@pytest.mark.parametrize(
    ("auth", "error"), [(TOKEN, BadDataError), (LOGIN, ConfigurationError)], ids=["token", "login"]
)
def test_token_that_is_nested_too_deep_cannot_be_taken(
    server: Any, connect: Callable[..., HttpSystem], auth: str, error: type[Exception]
) -> None:
    server.script = lambda _: server.answer(200, DEEP)
    system = connect(
        "entities: {lines: {contract: lines, path: /lines, records: rows, fields: [line_id], key: [line_id]}}",
        transport=auth,
    )
    with pytest.raises(error):
        system.source("lines").pull(Scope())
