"""Declarations of HTTP systems that say nothing valid are told by their line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
import yaml

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.declaration import SystemDeclaration, declaration_schema

Declare = Callable[[str], SystemDeclaration]

HEAD = 'system: site\ntitle: Site\nrole: wms\ncontract_version: "1"\nfreshness_seconds: 60\n'
PLAIN = HEAD + "transport: {kind: http, base_url: http://site}\n"
AUTH = HEAD + "transport:\n  kind: http\n  base_url: http://site\n  auth:\n"
LOGIN = AUTH + "    kind: session_login\n    username: us\n    password: {ref: P}\n"
ENTITY = PLAIN + "entities:\n  lines:\n    contract: lines\n    fields: [a]\n    key: [a]\n"
MESSAGE = PLAIN + "messages:\n  m:\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (ENTITY + "    call: x\n    query: x\n", 8, "either `call` (JSON-RPC) or `query` (GraphQL)"),
        (ENTITY + "    path: /x\n    params: [1]\n", 8, "`params` only with `call`"),
        (ENTITY + "    call: x\n    variables: {a: 1}\n", 8, "`variables` only with `query`"),
        (ENTITY + "    query: x\n    content: {a: 1}\n", 8, "`content` only without `call` and `query`"),
        (ENTITY + "    path: /x\n    content: {a: 1}\n", 8, "`method: POST` with `content`"),
        (ENTITY + "    call: x\n    method: POST\n", 8, "no `method` with `call` and `query`"),
        (ENTITY + '    call: x\n    params: ["{ofset}"]\n', 8, "not ofset"),
        (ENTITY + "    call: x\n    params: [{map: state, codes: {A: B}}]\n", 8, "not state"),
        (ENTITY + "    call: x\n    paging: {kind: offset}\n", 8, "either `paging.parameter` or {offset}"),
        (
            ENTITY + '    call: x\n    params: ["{page}"]\n    paging: {kind: page_number, parameter: p}\n',
            8,
            "either `paging.parameter` or {page}",
        ),
        (ENTITY + '    call: x\n    params: ["{since}"]\n', 8, "`since`, and either `since.parameter` or {since}"),
        (ENTITY + "    call: x\n    since: {}\n", 8, "`since`, and either `since.parameter` or {since}"),
        (ENTITY + "    path: /x\n    records: result.0.rows\n", 13, "names alone"),
        (ENTITY + "    call: x\n    conditional: true\n", 8, "`conditional` only with a GET"),
        (ENTITY + "    call: x\n    params: [2026-01-01]\n", 13, "valid JSON"),
        (MESSAGE + "    path: /x\n", 8, "`method` with `path`"),
        (MESSAGE + "    call: x\n    method: PUT\n", 8, "`method` with `path`"),
        (MESSAGE + "    call: x\n    body: {a: b}\n", 8, "one of `body`, `content`, `call` and `query`"),
        (
            MESSAGE + "    method: PUT\n    path: /x\n    body: {a: b}\n    content: {a: b}\n",
            8,
            "one of `body`, `content`, `call` and `query`",
        ),
        (MESSAGE + "    call: x\n    precondition: {a: b}\n", 8, "a REST request with a JSON object"),
        (MESSAGE + "    call: x\n    idempotency: {field: ref}\n", 8, "`idempotency: {field: ...}`"),
        (MESSAGE + "    call: x\n    refused_when: {field: a}\n", 10, "either `is` or `is_not`"),
        (MESSAGE + "    call: x\n    lookups:\n      - {call: y}\n", 11, "take: Field required"),
        (MESSAGE + "    call: x\n    then:\n      - {path: /x}\n", 11, "`method` with `path`"),
        (AUTH + "    kind: bearer\n    token: hunter2\n", 11, "secrets do not stand in this file"),
        (
            LOGIN.replace("{ref: P}", "hunter2") + "    login: {call: x}\n    take: {token: a}\n",
            12,
            "secrets do not stand in this file",
        ),
        (LOGIN + '    login: {call: x, params: ["{user}"]}\n    take: {token: a}\n', 13, "username and password only"),
        (LOGIN + "    login: {call: x}\n    take: {id: a}\n", 9, "names in `take`: id"),
        (LOGIN + '    login: {call: x}\n    take: {id: a}\n    value: "{username}"\n', 9, "names in `take`: id"),
        (
            HEAD + "transport:\n  kind: http\n  base_url: http://site\n  headers: {authorization: hunter2}\n",
            9,
            "secrets do not stand in this file",
        ),
        (HEAD + "transport:\n  kind: http\n  base_url: http://site\n  renew_on: [200]\n", 9, "renew_on"),
        (
            HEAD + "transport:\n  kind: http\n  base_url: http://site\n  rate: {requests: 0, per_seconds: 1}\n",
            9,
            "rate",
        ),
        (HEAD + "transport:\n  kind: http\n  base_url: http://site\n  error_codes: {A: bad}\n", 9, "error_codes"),
    ],
)
def test_line_of_a_request_that_cannot_be_made_is_named(declare: Declare, text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        declare(text)
    assert f":{line}: this system declaration is not valid." in raised.value.what
    assert said in raised.value.expected
    assert "hunter2" not in str(raised.value)


EVERYTHING = """
system: site
title: Site
role: erp
contract_version: "1"
freshness_seconds: 60
transport:
  kind: http
  base_url: {ref: SITE_URL}
  rate: {requests: 20, per_seconds: 1}
  headers: {X-Tenant: {ref: TENANT}, Accept-Language: en}
  renew_on: [401, 403]
  error_codes: {UserWarning: rejected, "100": credentials}
  auth:
    kind: session_login
    username: admin
    password: {ref: SITE_PASSWORD}
    login: {path: rpc/, call: login, params: ["{username}", {password: "{password}"}]}
    take: {user_id: result.0, token: {header: x-token}}
    scheme: Session
    value: "{username}:{user_id}:{token}"
    encoding: base64
entities:
  called:
    contract: orders
    call: search
    params: [[], "{offset}", "{size}"]
    records: result
    paging: {kind: offset, size: 200}
    fields: [id]
    key: [id]
  queried:
    contract: orders
    query: "query($since: DateTime) {orders {id}}"
    variables: {since: "{since}"}
    records: data.orders
    since: {initial: "1970-01-01T00:00:00Z"}
    fields: [id]
    key: [id]
  linked:
    contract: orders
    path: /orders
    conditional: true
    paging: {kind: link}
    fields: [id]
    key: [id]
messages:
  called:
    lookups:
      - {call: find, params: ["{order_id}"], records: result, expect: {number: order_id}, take: {id: id}}
    skip_if: {call: find, params: ["{idempotency_key}"], records: result, take: {done: id}}
    call: create
    params: {vals: [{order: "{id}", qty: "{qty:number}"}]}
    take: {done: result.0}
    reference: result.0
    idempotency: none
    then:
      - {call: confirm, params: ["{done}"]}
    read_back: {call: find, params: ["{order_id}"], records: result, applied_if_any: true}
  queried:
    query: "mutation($id: ID!) {ship(id: $id) {__typename}}"
    variables: {id: "{order_id}"}
    refused_when: {field: data.ship.__typename, is: [OutOfStock], code: data.ship.errorCode}
  posted:
    method: POST
    path: /orders/{order_id}
    content: {lines: [{qty: "{qty:number}"}]}
    idempotency: {field: reference}
  flat:
    method: PUT
    path: /orders/{order_id}
    body: {qty: {number: qty}, state: {literal: done}, text: reason}
"""


def test_everything_a_request_may_declare_meets_the_published_schema(declare: Declare) -> None:
    declared: Any = declare(EVERYTHING)
    assert set(declared.messages) == {"called", "queried", "posted", "flat"}
    jsonschema.validate(yaml.safe_load(EVERYTHING), declaration_schema())


def test_published_schema_wants_a_path_where_no_call_and_no_query_stands() -> None:
    broken = yaml.safe_load(EVERYTHING)
    del broken["entities"]["called"]["call"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, declaration_schema())
