"""Schemathesis breaks the API by its own description, and finds nothing.

Each operation gets requests that fit its description and requests that do not; every answer must be one that the
description tells of. `make test-slow` sends many more.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode
from starlette.routing import Mount

from fulfillment_pipelines.console.api.allowance import Allowances
from fulfillment_pipelines.console.api.application import PATH
from fulfillment_pipelines.console.app import create_app
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.ledger.readings import CaseFilter, list_cases, list_corrections
from fulfillment_pipelines_tests.console.api.conftest import token_for

_DESCRIPTION = Path(__file__).resolve().parents[3] / "docs" / "openapi-v1.json"
OPERATIONS = [
    (path, method)
    for path, methods in json.loads(_DESCRIPTION.read_text(encoding="utf-8"))["paths"].items()
    for method in methods
]
# What no description can say: whether a cursor is one of ours, whether an ETag stands, what a distributor has declared.
_OURS = {"cursor", "If-Match", "If-None-Match"}
_HOST = "http://127.0.0.1"
_FEW, _MANY = 5, 150


@pytest.fixture
def prober(console: Console) -> Callable[[str, str, int], None]:
    """Return a function that breaks one operation, with real cases, corrections and orders in half of the requests."""
    app = create_app(console)
    mounted: Any = next(route for route in app.routes if isinstance(route, Mount) and route.path == PATH)
    mounted.app.state.allowances = Allowances(lambda: 10**9)
    schema = schemathesis.openapi.from_dict(_description(app))
    schema.app = app
    schema.config.update(base_url=_HOST + PATH)
    token, real = token_for(console, "ines"), _real(console)

    def probe(path: str, method: str, examples: int) -> None:
        operation = schema[path][method]
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            _probe(operation, mode, examples, token, real)

    return probe


def _description(app: FastAPI) -> dict[str, Any]:
    described: dict[str, Any] = TestClient(app, base_url=_HOST).get(f"{PATH}/openapi.json").json()
    return described


def _real(console: Console) -> dict[str, list[str]]:
    with console.reading() as work:
        cases = list_cases(work, CaseFilter(only_open=True, limit=20))
        corrections = list_corrections(work)[:20]
    return {
        "case_id": [case.case_id for case in cases],
        "correction_id": [one.correction_id for one in corrections],
        "order_id": [case.order_id for case in cases if case.order_id],
        "name": ["perfect_order", "sla_adherence"],
    }


def _probe(operation: Any, mode: GenerationMode, examples: int, token: str, real: dict[str, list[str]]) -> None:
    is_positive = mode is GenerationMode.POSITIVE

    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode), number=hypothesis.strategies.integers(0, 99))
    def run(case: Any, number: int) -> None:
        if is_positive:
            for name in _OURS:
                case.query.pop(name, None)
                case.headers.pop(name, None)
            if number % 2:
                known = {name: real[name][number % len(real[name])] for name in case.path_parameters}
                case.path_parameters.update(known)
        excluded = [] if is_positive and operation.path != "/events" else [schemathesis.checks.positive_data_acceptance]
        case.call_and_validate(
            base_url=_HOST + PATH, headers={"Authorization": f"Bearer {token}"}, excluded_checks=excluded
        )

    run()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_no_request_gets_an_answer_that_is_not_described(
    prober: Callable[[str, str, int], None], path: str, method: str
) -> None:
    prober(path, method, _FEW)


@pytest.mark.slow
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_many_requests_get_no_answer_that_is_not_described(
    prober: Callable[[str, str, int], None], path: str, method: str
) -> None:
    prober(path, method, _MANY)
