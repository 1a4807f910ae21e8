"""What the tests of HTTP systems share: a declared system on the loopback server."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from fulfillment_pipelines.systems.transports.http.system import HttpSystem

QUICK = "{attempts: 3, wait_initial_seconds: 0, wait_jitter_seconds: 0}"


@pytest.fixture
def make(
    declare: Any, referring: Any, clock: Any, server: Any, request: pytest.FixtureRequest
) -> Callable[..., HttpSystem]:
    """Make a system on the loopback server; close it when the test is over."""

    def make_system(
        *,
        auth: str = "{kind: none}",
        paging: str = "{kind: none}",
        retry: str = QUICK,
        more: str = "",
        message: str = "",
        looking: str = "after_send: false",
        secret: str = "hush",
        **options: Any,
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
    read_back: {{path: "/lines/{{line_id}}", expect: {{qty: qty}}, {looking}}}
    {message}
""")
        references = referring(SITE_URL=server.url, SITE_SECRET=secret)
        system = HttpSystem(declaration, references, clock, **options)
        request.addfinalizer(system.close)
        return system

    return make_system


@pytest.fixture
def connect(
    declare: Any, referring: Any, clock: Any, server: Any, request: pytest.FixtureRequest
) -> Callable[..., HttpSystem]:
    """Make a system on the loopback server from the entities, messages and transport settings a test writes."""

    def connect_declared(
        rest: str = "", *, transport: str = "auth: {kind: none}", options: Any = None, **references: str
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
  timeout_seconds: 0.5
  retry: {QUICK}
{textwrap.indent(textwrap.dedent(transport), "  ")}
{textwrap.dedent(rest)}
""")
        known = referring(SITE_URL=server.url, **{"SITE_SECRET": "hush", **references})
        system = HttpSystem(declaration, known, clock, **(options or {}))
        request.addfinalizer(system.close)
        return system

    return connect_declared
