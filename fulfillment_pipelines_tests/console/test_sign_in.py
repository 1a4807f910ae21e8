"""Signing in: who is let in, what is refused, and that a session ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from starlette.routing import BaseRoute

from fulfillment_pipelines.console.access.address import Address
from fulfillment_pipelines.console.access.routes import declared_routes
from fulfillment_pipelines.console.access.signing_in import begin_session, give_out_account
from fulfillment_pipelines.console.app import create_app
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.pages.sign_in import own_path
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines_tests.console.conftest import Visitor

GOOD = "a sentence that is easy to keep"


@pytest.fixture
def secret(console: Console) -> str:
    """The secret of an account that was just given out to Ada."""
    with console.deciding("test") as work:
        given = give_out_account(
            work, "ada", by="ines", passwords=console.passwords, policies=console.policies, now=console.machine_now()
        )
        work.commit()
    return given


@pytest.fixture
def clock(console: Console) -> FixedClock:
    """The machine's clock, which the test moves."""
    stopped = FixedClock(console.machine_now())
    object.__setattr__(console.platform, "machine_clock", stopped)
    return stopped


def tried(browser: TestClient, password: str, person: str = "ada") -> int:
    return browser.post("/sign-in", data={"person": person, "password": password}).status_code


def signed_in(browser: TestClient, secret: str, password: str = GOOD) -> TestClient:
    """The browser of Ada, who has signed in with the secret and chosen a password."""
    assert tried(browser, secret) == 303
    page = browser.get("/password")
    browser.headers["X-CSRF-Token"] = page.text.partition('name="csrf-token" content="')[2].partition('"')[0]
    answer = browser.post("/password", data={"current": secret, "password": password})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    page = browser.get("/account")
    browser.headers["X-CSRF-Token"] = page.text.partition('name="csrf-token" content="')[2].partition('"')[0]
    return browser


def test_who_is_not_signed_in_is_led_to_the_sign_in_and_back(visitor: Visitor) -> None:
    answer = visitor("").get("/queue?find=a%26next=//evil.example")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/queue%3Ffind%3Da%2526next%3D//evil.example"


def test_a_secret_that_was_given_out_opens_the_console_and_must_be_replaced(visitor: Visitor, secret: str) -> None:
    answer = visitor("").post("/sign-in", data={"person": "Ada ", "password": secret, "next": "/flow"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/password")
    cookies = answer.headers.get_list("set-cookie")
    assert all("HttpOnly" in one and "SameSite=lax" in one for one in cookies)


def test_until_the_password_is_replaced_every_route_leads_to_that(
    console: Console, visitor: Visitor, secret: str
) -> None:
    browser = visitor("")
    assert tried(browser, secret) == 303
    passed = {}
    for one in declared_routes(create_app(console).routes):
        if one.needs is not None and one.path not in {"/password", "/sign-out"}:
            for method in one.methods - {"HEAD"}:
                path = one.path.replace("{", "").replace("}", "")
                answer = browser.request(method, path)
                if (answer.status_code, answer.headers.get("location")) != (303, "/password"):
                    passed[f"{method} {one.path}"] = answer.status_code
    assert {where: status for where, status in passed.items() if not where.split()[1].startswith("/api/")} == {}
    assert set(passed.values()) <= {403}


@pytest.mark.usefixtures("secret")
def test_a_wrong_password_and_an_unknown_name_look_the_same(visitor: Visitor) -> None:
    wrong = visitor("").post("/sign-in", data={"person": "ada", "password": "wrong"})
    unknown = visitor("").post("/sign-in", data={"person": "nobody", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text == unknown.text


def test_wrong_passwords_lock_an_account_for_a_while_even_for_the_right_one(
    console: Console, visitor: Visitor, secret: str, clock: FixedClock
) -> None:
    policy, browser = console.policies.access.seed.sign_in, visitor("")
    assert {tried(browser, "wrong") for _ in range(policy.attempts)} == {401}
    assert tried(browser, secret) == 401
    clock.at += timedelta(minutes=policy.lock_minutes)
    assert tried(browser, secret) == 303


def test_nobody_locks_a_person_out_of_a_browser_the_person_has_used(
    console: Console, visitor: Visitor, secret: str
) -> None:
    own = signed_in(visitor(""), secret)
    assert own.post("/sign-out").status_code == 303
    for _ in range(console.policies.access.seed.sign_in.attempts):
        tried(visitor(""), "wrong")
    assert (tried(visitor(""), GOOD), tried(own, GOOD)) == (401, 303)


def test_a_browser_that_was_used_before_has_attempts_of_its_own_and_no_more(
    console: Console, visitor: Visitor, secret: str
) -> None:
    own = signed_in(visitor(""), secret)
    assert own.post("/sign-out").status_code == 303
    assert {tried(own, "wrong") for _ in range(console.policies.access.seed.sign_in.attempts)} == {401}
    assert (tried(own, GOOD), tried(visitor(""), GOOD)) == (401, 303)


def test_too_many_wrong_passwords_make_an_address_wait_whomever_they_were_for(
    console: Console, visitor: Visitor, secret: str
) -> None:
    for number in range(console.policies.access.seed.sign_in.address_attempts):
        assert tried(visitor(""), "wrong", f"nobody{number}") == 401
    answer = visitor("").post("/sign-in", data={"person": "ada", "password": secret})
    assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (429, True)


def test_signing_in_begins_a_new_session_and_ends_the_one_the_browser_had(visitor: Visitor, secret: str) -> None:
    browser = visitor("ben")
    planted = browser.cookies["fulfillment"]
    assert tried(browser, secret) == 303
    assert browser.cookies["fulfillment"] != planted
    earlier = visitor("")
    earlier.cookies.set("fulfillment", planted)
    assert earlier.get("/queue").status_code == 303


def test_a_new_password_ends_every_other_session(visitor: Visitor, secret: str) -> None:
    other = visitor("ada")
    assert other.get("/account").status_code == 303
    browser = signed_in(visitor(""), secret)
    assert (browser.get("/queue").status_code, other.get("/queue").headers["location"]) == (200, "/sign-in?next=/queue")


@pytest.mark.parametrize("wanted", ["short", "aaaaaaaaaaaaaaaa", "ada ada ada ada", ""])
def test_a_password_that_is_easily_guessed_is_not_taken(visitor: Visitor, secret: str, wanted: str) -> None:
    browser = signed_in(visitor(""), secret)
    assert browser.post("/password", data={"current": GOOD, "password": wanted}).status_code == 422
    assert browser.post("/password", data={"current": "wrong", "password": GOOD + "er"}).status_code == 403


def test_what_was_typed_wrong_is_never_shown(visitor: Visitor) -> None:
    answer = visitor("").post("/sign-in", data={"person": "ada", "password": "S3cret" * 200})
    assert (answer.status_code, "S3cret" in answer.text) == (422, False)


def test_a_session_ends_when_nothing_is_done_in_it(console: Console, visitor: Visitor, clock: FixedClock) -> None:
    browser = visitor("ada")
    assert browser.get("/queue").status_code == 200
    clock.at += timedelta(minutes=console.policies.access.seed.sign_in.idle_minutes + 1)
    assert browser.get("/queue").status_code == 303


def test_a_session_ends_in_any_case_after_its_longest_time(
    console: Console, visitor: Visitor, clock: FixedClock
) -> None:
    browser, policy = visitor("ada"), console.policies.access.seed.sign_in
    for _ in range(policy.longest_hours * 60 // policy.idle_minutes * 2 - 1):
        clock.at += timedelta(minutes=policy.idle_minutes / 2)
        assert browser.get("/account").status_code == 200
    clock.at += timedelta(minutes=policy.idle_minutes / 2)
    assert browser.get("/account").status_code == 303


def test_a_form_without_the_token_of_its_session_is_refused(visitor: Visitor) -> None:
    browser = visitor("ada")
    del browser.headers["X-CSRF-Token"]
    assert browser.post("/sign-out").status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:81"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_cannot_sign_a_browser_in(
    visitor: Visitor, secret: str, headers: dict[str, str]
) -> None:
    form = {"person": "ada", "password": secret}
    assert visitor("").post("/sign-in", data=form, headers=headers).status_code == 403
    own = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}
    assert visitor("").post("/sign-in", data=form, headers=own).status_code == 303


@pytest.mark.parametrize(
    "asked",
    ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "javascript:alert(1)", ""],
)
def test_signing_in_leads_to_no_other_site(asked: str) -> None:
    assert own_path(asked) == "/"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "evil.example:8600", "[::1"])
def test_a_request_under_another_name_is_refused_and_health_is_told(visitor: Visitor, host: str) -> None:
    browser = visitor("ada")
    assert browser.get("/queue", headers={"Host": host}).status_code == 421
    assert browser.get("/healthz", headers={"Host": "10.0.0.7:8600"}).status_code == 200


def test_a_body_that_is_too_long_is_refused_with_its_length_and_without(visitor: Visitor) -> None:
    browser = visitor("ada")
    assert browser.post("/sign-out", content=b"x" * 1_048_577).status_code == 413
    pieces = (b"name=" + b"x" * 65_536 for _ in range(17))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert browser.post("/account/tokens", content=pieces, headers=form).status_code == 413


def test_every_answer_forbids_what_the_console_does_not_need(visitor: Visitor) -> None:
    browser = visitor("ada")
    for path in ("/queue", "/nowhere", "/sign-in", "/static/console.js", "/account/people"):
        headers = browser.get(path).headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= set(policy.split("; "))
        assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
        assert "strict-transport-security" not in headers


def test_behind_tls_cookies_are_bound_to_it_and_the_browser_stays_with_it(console: Console) -> None:
    console.address = Address("https://console.example")
    with console.deciding("test") as work:
        begun = begin_session(work, "ada", "password", policies=console.policies, now=console.machine_now())
        work.commit()
    client = TestClient(create_app(console), base_url="https://console.example", follow_redirects=False)
    client.cookies.set("__Host-fulfillment", begun.secret)
    client.headers["X-CSRF-Token"] = begun.session.csrf_token
    assert client.get("/account").headers["strict-transport-security"] == "max-age=31536000"
    answer = client.post("/sign-out", headers={"Origin": "https://console.example"})
    assert answer.status_code == 303
    assert answer.headers["set-cookie"].startswith("__Host-fulfillment=")
    assert "Secure" in answer.headers["set-cookie"]


def test_a_route_without_a_permission_stops_the_start(console: Console) -> None:
    from fastapi import APIRouter, FastAPI  # noqa: PLC0415 - only here a route is made

    from fulfillment_pipelines.console.access.routes import require_permissions  # noqa: PLC0415 - as above
    from fulfillment_pipelines.errors import ConfigurationError  # noqa: PLC0415 - as above

    def opened(included: bool, mounted: bool) -> list[BaseRoute]:
        app, within, router = FastAPI(openapi_url=None), FastAPI(openapi_url=None), APIRouter()
        router.add_api_route("/forgotten", lambda: "ok")
        if included:
            app.include_router(router, prefix="/deep")
        if mounted:
            within.include_router(router)
            app.mount("/within", within)
        return list(app.routes)

    with pytest.raises(ConfigurationError, match="The route /deep/forgotten declares no permission"):
        require_permissions(opened(included=True, mounted=False))
    with pytest.raises(ConfigurationError, match="The route /within/forgotten declares no permission"):
        require_permissions(opened(included=False, mounted=True))
    assert {one.path for one in declared_routes(create_app(console).routes)} >= {"/queue", "/account", "/sign-in"}
