"""How the API says no: problem details with what to do, limits that are told, and notice before a route goes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient

from fulfillment_pipelines.console.api.allowance import Allowances
from fulfillment_pipelines.console.api.application import PATH, create_api
from fulfillment_pipelines.console.api.deprecation import Deprecated, require_notices
from fulfillment_pipelines.console.api.gate import Gate
from fulfillment_pipelines.console.app import create_app
from fulfillment_pipelines.console.composition import Console, build_console
from fulfillment_pipelines.console.refusals import TooManyRequestsError
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.loop.platform import build_platform
from fulfillment_pipelines_tests.console.api.conftest import Caller, token_for

_PARTS = {"type", "title", "status", "detail", "instance", "request_id", "expected", "found", "remedy"}


class _Seconds:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/exceptions/EXC-0000000000000000", 404),
        ("GET", "/corrections/COR-0000000000000000", 404),
        ("GET", "/orders/none/status", 404),
        ("DELETE", "/exceptions", 405),
        ("GET", "/exceptions?stat=OPEN", 422),
        ("GET", "/exceptions/17", 422),
        ("POST", "/exceptions/EXC-0000000000000000/take", 404),
        ("POST", "/corrections/COR-0000000000000000/approve", 422),
    ],
)
def test_every_refusal_is_a_problem_that_says_what_to_do(caller: Caller, method: str, path: str, status: int) -> None:
    answer = caller("ada").request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    told = answer.json()
    assert set(told) >= _PARTS
    assert (told["status"], told["request_id"]) == (status, answer.headers["X-Request-ID"])
    assert told["expected"]
    assert told["remedy"]
    assert told["instance"] == PATH + path.partition("?")[0]


def test_who_is_not_known_is_told_so_and_not_led_to_a_page(caller: Caller) -> None:
    answer = caller("").get("/exceptions")
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:fulfillment:problem:not-signed-in")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_body_that_is_too_large_is_refused_before_it_is_read(caller: Caller) -> None:
    answer = caller("ada").post("/events", content=b"{" + b" " * 2_000_000 + b"}")
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert set(answer.json()) >= _PARTS


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00", "2026-03-09T08:00:00"])
def test_a_moment_that_utc_does_not_have_or_that_has_no_zone_is_refused(caller: Caller, moment: str) -> None:
    client = caller("ada")
    assert client.get("/exceptions", params={"due_before": moment}).status_code == 422
    body = {"until": moment, "reason": "Later."}
    assert client.post("/exceptions/EXC-0000000000000000/snooze", json=body).status_code == 422


def test_a_field_that_is_not_known_or_of_another_type_is_refused(caller: Caller) -> None:
    path = "/exceptions/EXC-0000000000000000/comment"
    wrong = caller("ada").post(path, json={"text": 7, "txt": "x"}).json()
    assert {one["where"] for one in wrong["errors"]} == {"body.text", "body.txt"}


@pytest.mark.parametrize("is_prepared", [False, True])
def test_a_lake_that_is_not_there_or_empty_is_no_empty_answer(
    console: Console, tmp_path: Path, *, is_prepared: bool
) -> None:
    settings = console.platform.settings.model_copy(update={"runtime_dir": tmp_path})
    if is_prepared:
        with build_platform(settings) as platform:
            platform.prepare()
    with build_console(settings) as lakeless:
        client = TestClient(create_app(lakeless), base_url=f"http://127.0.0.1{PATH}")
        client.headers["Authorization"] = f"Bearer {token_for(lakeless, 'ada')}"
        answers = [client.get(path) for path in ("/availability", "/orders/SO-100100/status")]
    assert [one.status_code for one in answers] == [503, 503]
    assert all(one.headers["Retry-After"] and "fulfillment run" in one.json()["remedy"] for one in answers)


def test_an_error_that_was_not_foreseen_tells_nothing_of_the_inside(console: Console, caller: Caller) -> None:
    console.questions._models.clear()
    told = caller("ada").get("/availability").json()
    assert told["status"] == 500
    assert "KeyError" not in str(told)


def test_what_has_not_changed_is_not_sent_again(caller: Caller) -> None:
    client = caller("ada")
    first = client.get("/exceptions", params={"limit": 5})
    tag = first.headers["ETag"]
    second = client.get("/exceptions", params={"limit": 5}, headers={"If-None-Match": f'"other", W/{tag}'})
    assert (second.status_code, second.content, second.headers["ETag"]) == (304, b"", tag)
    assert client.get("/exceptions", params={"limit": 6}, headers={"If-None-Match": tag}).status_code == 200


@pytest.fixture
def hurried(console: Console) -> Iterator[TestClient]:
    """The API alone, which allows three requests a minute."""
    api = create_api(console, allowances=Allowances(lambda: 3, clock=_Seconds()))
    outer = FastAPI(openapi_url=None)
    outer.mount(PATH, api)
    with TestClient(outer, base_url=f"http://127.0.0.1{PATH}") as client:
        yield client


def test_who_asks_too_often_waits_and_is_told_how_long(console: Console, hurried: TestClient) -> None:
    hurried.headers["Authorization"] = f"Bearer {token_for(console, 'ada')}"
    hurried.headers["X-Request-ID"] = "request-id-1"
    answers = [hurried.get("/corrections", params={"limit": 1}) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert [one.headers["RateLimit"].split(";")[1] for one in answers] == ["r=2", "r=1", "r=0", "r=0"]
    assert answers[0].headers["RateLimit-Policy"] == '"requests";q=3;w=60'
    assert answers[3].headers["Retry-After"] == "20"
    assert answers[3].json()["type"] == "urn:fulfillment:problem:too-many-requests"
    hurried.headers["Authorization"] = f"Bearer {token_for(console, 'ben')}"
    assert hurried.get("/corrections", params={"limit": 1}).status_code == 200
    hurried.headers["Authorization"] = f"Bearer {token_for(console, 'ada')}"
    assert hurried.get("/corrections", params={"limit": 1}).status_code == 200, "another token has its own allowance"


def test_an_allowance_comes_back_evenly() -> None:
    seconds = _Seconds()
    allowances = Allowances(lambda: 60, clock=seconds)
    for _ in range(60):
        allowances.take("ada")
    with pytest.raises(TooManyRequestsError):
        allowances.take("ada")
    seconds.now += 2
    allowances.take("ada")
    allowances.take("ada")
    with pytest.raises(TooManyRequestsError):
        allowances.take("ada")


def test_a_route_that_will_go_says_so_in_every_answer() -> None:
    router, api = APIRouter(), FastAPI()
    notice = Deprecated(
        since=datetime(2027, 1, 1, tzinfo=UTC), sunset=datetime(2027, 7, 1, tzinfo=UTC), instead="/api/v2/orders"
    )

    @router.get("/old", deprecated=True, dependencies=[Depends(notice)])
    def old() -> str:
        return "still here"

    require_notices(list(router.routes))
    api.include_router(router)
    api.add_middleware(Gate)
    with TestClient(api) as client:
        headers = client.get("/old").headers
    assert headers["Deprecation"] == "@1798761600"
    assert headers["Sunset"] == "Thu, 01 Jul 2027 00:00:00 GMT"
    assert headers["Link"] == '</api/v2/orders>; rel="successor-version"'


def test_a_route_cannot_be_deprecated_without_notice_or_go_at_once() -> None:
    router = APIRouter()

    @router.get("/old", deprecated=True)
    def old() -> None: ...

    with pytest.raises(ConfigurationError, match="without notice"):
        require_notices(list(router.routes))
    with pytest.raises(ConfigurationError, match="sooner than is promised"):
        Deprecated(since=datetime(2027, 1, 1, tzinfo=UTC), sunset=datetime(2027, 2, 1, tzinfo=UTC), instead="/x")
