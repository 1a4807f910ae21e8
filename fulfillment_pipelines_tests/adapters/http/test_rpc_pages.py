"""Reading over JSON-RPC, GraphQL and posted searches: what is asked for on each page, and errors that come with 200."""

from __future__ import annotations

import json
from collections.abc import Callable
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

Connect = Callable[..., HttpSystem]

JSON_RPC = """
entities:
  lines:
    contract: lines
    path: erp/
    call: model.sale.line.search_read
    params: [[[state, "=", done]], "{offset}", "{size}", [[id, ASC]], [id, "sale.number"], {}]
    records: result
    paging: {kind: offset, size: 2}
    fields: [id, "sale."]
    key: [id]
"""
GRAPHQL = """
entities:
  lines:
    contract: lines
    path: shop-api
    query: |
      query lines($skip: Int, $take: Int, $since: DateTime) {
        lines(skip: $skip, take: $take, since: $since) {total rows {id}}
      }
    variables: {skip: "{offset}", take: "{size}", since: "{since}", note: "from {offset}"}
    records: data.lines.rows
    total_field: data.lines.total
    paging: {kind: offset, size: 2}
    since: {initial: "1970-01-01T00:00:00Z"}
    fields: [id]
    key: [id]
"""
CONNECTION = """
entities:
  lines:
    contract: lines
    query: "query($after: String) {lines(after: $after) {pageInfo {endCursor hasNextPage} nodes {id}}}"
    variables: {after: "{cursor}"}
    records: data.lines.nodes
    paging: {kind: cursor, next_field: data.lines.pageInfo.endCursor, more_field: data.lines.pageInfo.hasNextPage}
    fields: [id]
    key: [id]
"""
SEARCH = """
entities:
  lines:
    contract: lines
    method: POST
    path: /search
    content:
      page: "{page}"
      from: {year: "{since.year}", month: "{since.month}"}
      text: "{braces stay} and so does {"
    parameters: {changed: "{since}", sort: id}
    records: rows
    paging: {kind: page_number, size: 2}
    since: {}
    fields: [id]
    key: [id]
"""


def pull(system: HttpSystem, scope: Scope | None = None) -> Snapshot:
    return system.source("lines").pull(scope or Scope())


def rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"id": start + number, "sale.": {"number": "S"}} for number in range(count)]


def json_rpc_site(server: Any, total: int) -> None:
    """Serve that many lines to whoever asks with offset and limit."""

    def answer(asked: Any) -> Any:
        offset, limit = asked.json["params"][1:3]
        found = rows(max(0, min(limit, total - offset)), offset)
        return server.answer(200, {"id": asked.json["id"], "result": found})

    server.script = answer


def test_json_rpc_pages_are_asked_for_by_numbers_in_the_parameters(connect: Connect, server: Any) -> None:
    json_rpc_site(server, 3)
    snapshot = pull(connect(JSON_RPC))
    assert snapshot.complete
    assert [len(json.loads(page.content)["result"]) for page in snapshot.pages] == [2, 1]
    assert server.paths() == ["POST /erp/", "POST /erp/"]
    assert server.requests[1].headers["content-type"] == "application/json"
    assert server.requests[1].json == {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "model.sale.line.search_read",
        "params": [[["state", "=", "done"]], 2, 2, [["id", "ASC"]], ["id", "sale.number"], {}],
    }


def test_graphql_variables_carry_place_and_cursor_with_their_types(connect: Connect, server: Any) -> None:
    server.script = lambda asked: server.answer(
        200, {"data": {"lines": {"total": 3, "rows": rows(2 - asked.json["variables"]["skip"] // 2)}}}
    )
    system = connect(GRAPHQL)
    snapshot = pull(system)
    assert (snapshot.complete, snapshot.declared_rows) == (True, 3)
    initial = "1970-01-01T00:00:00Z"
    assert [asked.json["variables"] for asked in server.requests] == [
        {"skip": 0, "take": 2, "since": initial, "note": "from 0"},
        {"skip": 2, "take": 2, "since": initial, "note": "from 2"},
    ]
    assert server.requests[0].json["query"].startswith("query lines($skip: Int")
    pull(system, Scope(since=snapshot.cursor))
    assert server.requests[2].json["variables"]["since"] == "2026-03-02T09:00:00Z"


def test_connection_ends_where_it_says_so_although_it_names_a_cursor(connect: Connect, server: Any) -> None:
    pages = [{"endCursor": "c1", "hasNextPage": True}, {"endCursor": "c2", "hasNextPage": False}]
    server.script = lambda _: server.answer(
        200, {"data": {"lines": {"pageInfo": pages[len(server.requests) - 1], "nodes": rows(1)}}}
    )
    assert len(pull(connect(CONNECTION)).pages) == 2
    assert [asked.json["variables"]["after"] for asked in server.requests] == [None, "c1"]
    assert server.paths() == ["POST /", "POST /"]


def test_search_is_posted_with_the_parts_of_the_cursor(connect: Connect, server: Any) -> None:
    server.script = lambda asked: server.answer(200, {"rows": rows(3 - asked.json["page"])})
    system = connect(SEARCH)
    pull(system, Scope(since="2026-03-02T09:00:00Z"))
    assert [asked.json for asked in server.requests] == [
        {"page": page, "from": {"year": 2026, "month": 3}, "text": "{braces stay} and so does {"} for page in (1, 2)
    ]
    assert server.requests[0].query == {"changed": "2026-03-02T09:00:00Z", "sort": "id"}
    pull(system)
    assert server.requests[2].json["from"] == {"year": None, "month": None}
    assert server.requests[2].query == {"sort": "id"}


def test_cursor_that_is_no_instant_has_no_parts(connect: Connect, server: Any) -> None:
    with pytest.raises(ConfigurationError, match="no instant"):
        pull(connect(SEARCH), Scope(since="17"))
    assert server.requests == []


RPC_ERROR = {"code": -32603, "message": "Server error", "data": {"name": "odoo.SessionExpired", "message": "again"}}


@pytest.mark.parametrize(
    ("declared", "body", "error", "said"),
    [
        (JSON_RPC, {"error": ["UserError", ["No such state.", ""]]}, RejectedError, "UserError.*No such state"),
        (JSON_RPC, {"error": {"code": -32601, "message": "no method"}}, ConfigurationError, "-32601 no method"),
        (JSON_RPC, {"error": {"code": -32602, "message": "bad"}}, RejectedError, "-32602 bad"),
        (JSON_RPC, {"error": {"code": -32050, "message": "full"}}, SystemDownError, "-32050 full"),
        (JSON_RPC, {"error": RPC_ERROR}, SystemDownError, "-32603 again"),
        (JSON_RPC, {"error": "broken"}, RejectedError, "broken"),
        (JSON_RPC, {"id": 1}, BadDataError, "a list of JSON objects at 'result'"),
        (GRAPHQL, {"errors": [{"message": "Cannot query field"}]}, RejectedError, "Cannot query field"),
        (
            GRAPHQL,
            {"errors": [{"message": "m", "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}]},
            ConfigurationError,
            "GRAPHQL_VALIDATION_FAILED m",
        ),
        (
            GRAPHQL,
            {"errors": [{"message": "m", "extensions": {"code": "FORBIDDEN"}}], "data": {"lines": None}},
            ConfigurationError,
            "refused with our credentials",
        ),
        (
            GRAPHQL,
            {"errors": [{"message": "one line failed"}], "data": {"lines": {"total": 1, "rows": [{"id": 1}]}}},
            BadDataError,
            "a part of the data and an error.*one line failed",
        ),
    ],
)
def test_error_inside_an_answer_of_success_is_told_as_what_it_means(
    connect: Connect, server: Any, *, declared: str, body: Any, error: type[FulfillmentError], said: str
) -> None:
    server.script = lambda _: server.answer(200, body)
    with pytest.raises(error, match=said) as raised:
        pull(connect(declared))
    assert type(raised.value) is error
    assert len(server.requests) == 1


def test_graphql_error_is_told_also_where_it_comes_with_400(connect: Connect, server: Any) -> None:
    server.script = lambda _: server.answer(400, {"errors": [{"message": "Unknown argument"}]})
    with pytest.raises(RejectedError, match="Unknown argument"):
        pull(connect(GRAPHQL))


def test_code_of_the_system_means_what_its_declaration_says(connect: Connect, server: Any) -> None:
    server.script = lambda _: server.answer(200, {"error": RPC_ERROR})
    with pytest.raises(ConfigurationError, match=r"credentials.*odoo\.SessionExpired again"):
        pull(connect(JSON_RPC, transport="error_codes: {odoo.SessionExpired: credentials}"))


def test_busy_system_is_asked_again_although_it_answers_with_success(connect: Connect, server: Any) -> None:
    busy = {"errors": [{"message": "slow down", "extensions": {"code": "THROTTLED"}}]}
    found = {"data": {"lines": {"total": 1, "rows": rows(1)}}}
    server.script = lambda _: server.answer(200, busy if len(server.requests) < 3 else found)
    assert pull(connect(GRAPHQL)).complete
    server.requests.clear()
    server.script = lambda _: server.answer(200, busy)
    with pytest.raises(SystemDownError, match="THROTTLED slow down"):
        pull(connect(GRAPHQL))
    assert len(server.requests) == 3


def test_error_on_a_later_page_leaves_the_snapshot_incomplete(connect: Connect, server: Any) -> None:
    server.script = lambda asked: server.answer(
        200, {"error": ["UserError", ["gone"]]} if asked.json["params"][1] else {"result": rows(2)}
    )
    snapshot = pull(connect(JSON_RPC))
    assert (snapshot.complete, len(snapshot.pages)) == (False, 1)
    assert "Page 2 of site/lines failed" in snapshot.problem
