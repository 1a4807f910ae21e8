"""The declarations in docs/http.md are declarations, and its table of codes is the code's."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from fulfillment_pipelines.systems.declaration import SystemDeclaration
from fulfillment_pipelines.systems.declaration.http_requests import RequestForm
from fulfillment_pipelines.systems.transports.http.answers import _KNOWN_CODES, problem_in

TEXT = (Path(__file__).parents[3] / "docs" / "http.md").read_text(encoding="utf-8")
DOCUMENTED = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("text", "form"), list(zip(DOCUMENTED, RequestForm, strict=True)), ids=[form.value for form in RequestForm]
)
def test_documented_declaration_is_one(
    declare: Callable[[str], SystemDeclaration], text: str, form: RequestForm
) -> None:
    declared: Any = declare(text)
    requests = [*declared.entities.values(), *declared.messages.values()]
    assert {request.form for request in requests} == {form}


def test_documented_meanings_of_codes_are_those_of_the_transport() -> None:
    told = TEXT.partition("Known without a declaration: ")[2].replace("\n", " ")
    documented = {
        code: kind
        for codes, kind in re.findall(r"([^();]+)\(`(\w+)`\)", told)
        for code in re.findall(r"-\d+|[A-Z][A-Za-z_]+", codes)
        if code not in ("JSON", "RPC")
    }
    within = {code: documented.pop(code) for code in ("-32000", "-32099")}
    assert documented == {code: kind.value for code, kind in _KNOWN_CODES.items()}
    for code, kind in within.items():
        answer = httpx.Response(200, json={"error": {"code": int(code), "message": "m"}})
        problem = problem_in(answer, RequestForm.JSON_RPC, {})
        assert problem is not None
        assert problem.kind.value == kind
