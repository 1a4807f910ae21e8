"""No error of a library leaves `systems/`: each that httpx, SQLAlchemy or the operating system has is translated."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import exc

from fulfillment_pipelines.domain.correction import Correction
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.systems.transports.files.system import FileSystem
from fulfillment_pipelines.systems.transports.http.system import HttpSystem
from fulfillment_pipelines.systems.transports.sql.system import SqlSystem

HEAD = """
system: site
title: Site
role: wms
contract_version: "1"
freshness_seconds: 60
"""
HTTP = (
    HEAD
    + """
transport: {kind: http, base_url: "http://127.0.0.1:9", retry: {attempts: 1}}
entities: {lines: {contract: lines, path: /lines, fields: [a], key: [a]}}
messages: {qty.set: {method: PUT, path: /lines, read_back: {path: /lines, applied_if_any: true}}}
"""
)
SQL = (
    HEAD
    + """
transport: {kind: sql, url: {ref: SITE_DATABASE}}
entities: {lines: {contract: lines, table: lines, fields: [a], key: [a]}}
messages: {qty.set: {insert_into: inbox, key_column: k, json_column: body}}
"""
)
FILES = (
    HEAD
    + """
transport: {kind: files, directory: {ref: SITE_FOLDER}}
entities: {lines: {contract: lines, path: "*.csv", format: csv, fields: [a], key: [a]}}
messages: {qty.set: {drop: "{idempotency_key}", processed: "p-{idempotency_key}", rejected: "r-{idempotency_key}"}}
"""
)


VERBS = ("pull", "check", "apply", "read_back")


def leaves(family: type[BaseException]) -> Iterator[type[BaseException]]:
    yield family
    for child in family.__subclasses__():
        yield from leaves(child)


HTTPX_ERRORS = sorted(
    {
        kind
        for root in (httpx.RequestError, httpx.StreamError, httpx.InvalidURL, httpx.CookieConflict)
        for kind in leaves(root)
    },
    key=lambda kind: kind.__name__,
)
SQLALCHEMY_ERRORS = sorted(
    {kind for kind in leaves(exc.SQLAlchemyError) if kind.__module__ == exc.__name__}, key=lambda kind: kind.__name__
)
NOT_THERE = {FileNotFoundError, NotADirectoryError}
OS_ERRORS = sorted({kind for kind in leaves(OSError) if kind.__module__ == "builtins"}, key=lambda kind: kind.__name__)


def made(kind: type[BaseException]) -> BaseException:
    """Make an error of a class without knowing what its constructor asks for."""
    error = kind.__new__(kind, "boom")
    Exception.__init__(error, "boom")
    if isinstance(error, exc.DBAPIError):
        error.statement, error.params, error.orig, error.connection_invalidated = "", (), Exception("boom"), False
    if isinstance(error, exc.SQLAlchemyError):
        error.detail = []  # type: ignore[attr-defined]
    return error


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize("kind", HTTPX_ERRORS, ids=lambda kind: kind.__name__)
def test_no_httpx_error_leaves_the_transport(
    declare: Any,
    referring: Any,
    clock: Any,
    *,
    correction: Callable[..., Correction],
    monkeypatch: pytest.MonkeyPatch,
    kind: type[BaseException],
) -> None:
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", raising(made(kind)))
    system = HttpSystem(declare(HTTP), referring(), clock)
    for verb in VERBS:
        with pytest.raises(FulfillmentError):
            use(system, verb, correction())
    system.close()


@pytest.mark.parametrize("kind", SQLALCHEMY_ERRORS, ids=lambda kind: kind.__name__)
def test_no_sqlalchemy_error_leaves_the_transport(
    declare: Any,
    referring: Any,
    clock: Any,
    *,
    correction: Callable[..., Correction],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[BaseException],
) -> None:
    (tmp_path / "site.sqlite").touch()
    monkeypatch.setattr("sqlalchemy.engine.Engine.connect", raising(made(kind)))
    system = SqlSystem(declare(SQL), referring(SITE_DATABASE=f"sqlite:///{tmp_path / 'site.sqlite'}"), clock)
    for verb in VERBS:
        with pytest.raises(FulfillmentError):
            use(system, verb, correction())


@pytest.mark.parametrize("kind", OS_ERRORS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    ("verb", "broken"),
    [
        ("pull", "ls"),
        ("pull", "cat_file"),
        ("check", "info"),
        ("apply", "info"),
        ("apply", "open"),
        ("apply", "mv"),
        ("read_back", "info"),
    ],
)
def test_no_operating_system_error_leaves_the_transport(
    declare: Any,
    referring: Any,
    clock: Any,
    *,
    correction: Callable[..., Correction],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[BaseException],
    verb: str,
    broken: str,
) -> None:
    (tmp_path / "lines.csv").write_text("a\n1\n", encoding="utf-8")
    declaration = declare(FILES)
    monkeypatch.setattr(f"fsspec.implementations.local.LocalFileSystem.{broken}", raising(made(kind)))
    is_answer = verb in {"apply", "read_back"} and broken == "info" and kind in NOT_THERE
    with contextlib.nullcontext() if is_answer else pytest.raises(FulfillmentError):
        use(FileSystem(declaration, referring(SITE_FOLDER=str(tmp_path)), clock), verb, correction())


def use(system: Any, verb: str, correction: Correction) -> None:
    match verb:
        case "pull":
            system.source("lines").pull(Scope())
        case "check":
            system.check()
        case "apply":
            system.sink().apply(correction)
        case _:
            system.sink().read_back(correction)
