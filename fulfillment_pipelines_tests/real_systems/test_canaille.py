"""People sign in at Canaille, a real OpenID provider, and come back to the console: every step of it by HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from fulfillment_pipelines.console.access.open_id import Journey, OpenIdDoor
from fulfillment_pipelines.console.app import create_app
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.systems.transports.open_id import OpenIdProvider
from fulfillment_pipelines_tests.lived_console import console, lived_runtime
from scripts.real_systems.canaille.server import Client, Member, Provider, started

__all__ = ["console", "lived_runtime"]

CONSOLE = "http://127.0.0.1"
CLIENT = Client((f"{CONSOLE}/sign-in/open-id/done",))
PEOPLE = {
    name: Member(f"{name}@distributor.example", f"a sentence of {name} to keep") for name in ("ada", "karl", "mallory")
}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Client], Provider]]:
    """Return a function that gives the provider for a client, started once each."""
    running: dict[Client, Provider] = {}
    with ExitStack() as stack:

        def give(client: Client) -> Provider:
            if client not in running:
                running[client] = stack.enter_context(started(tmp_path_factory.mktemp("canaille"), PEOPLE, client))
            return running[client]

        yield give


@pytest.fixture
def arrive(
    console: Console,
    start: Callable[[Client], Provider],
) -> Iterator[Callable[..., TestClient]]:
    """Return a function that sends a browser of somebody there, and gives it when it is back, with `answer`."""
    opened = []

    def travel(name: str, *, client: Client = CLIENT, claim: str = "sub", secret: str = CLIENT.secret) -> TestClient:
        provider = start(client)
        console.open_id = OpenIdDoor(OpenIdProvider(provider.url, client.id, lambda: SecretStr(secret)), claim)
        browser = TestClient(create_app(console), base_url=CONSOLE, follow_redirects=False)
        opened.append(browser)
        leaving = browser.get("/sign-in/open-id?next=/account")
        assert leaving.status_code == 303
        browser.headers["X-Test-Address"] = provider.sent_back_to(leaving.headers["location"], name)
        return browser

    yield travel
    for browser in opened:
        browser.close()


def end(browser: TestClient) -> tuple[int, str]:
    """Return the status and the text or target of the answer where the browser arrives."""
    answer = browser.get(browser.headers["X-Test-Address"].removeprefix(CONSOLE))
    return answer.status_code, answer.headers.get("location", answer.text)


def test_who_is_known_there_and_here_is_signed_in(arrive: Callable[..., TestClient]) -> None:
    browser = arrive("ada")
    assert end(browser) == (303, "/account")
    page = browser.get("/account")
    assert (page.status_code, "Ada Lindqvist" in page.text, "this one" in page.text) == (200, True, True)


@pytest.mark.parametrize(("name", "why"), [("karl", "karl, who has left"), ("mallory", "is not in people.yaml")])
def test_who_is_known_there_but_not_here_is_told_what_to_do(
    arrive: Callable[..., TestClient], name: str, why: str
) -> None:
    browser = arrive(name)
    status, text = end(browser)
    assert (status, why in text, "an administrator" in text) == (403, True, True)
    assert browser.get("/account").status_code == 303


def test_an_address_that_is_not_verified_lets_nobody_in(arrive: Callable[..., TestClient]) -> None:
    status, text = end(arrive("ada", claim="email"))
    assert (status, "is not verified" in text) == (403, True)


def test_an_address_is_good_once_and_only_in_the_browser_that_began(
    arrive: Callable[..., TestClient],
    console: Console,
) -> None:
    browser = arrive("ada")
    other = TestClient(create_app(console), base_url=CONSOLE, follow_redirects=False)
    other.headers["X-Test-Address"] = browser.headers["X-Test-Address"]
    assert end(other)[0] == 403
    assert (end(browser), end(browser)[0]) == ((303, "/account"), 403)


def test_a_code_without_the_verifier_that_asked_for_it_is_refused(
    arrive: Callable[..., TestClient], console: Console
) -> None:
    browser, name = arrive("ada"), console.cookie("fulfillment_journey")
    journey = Journey.unpacked(browser.cookies[name])
    assert journey is not None
    browser.cookies.clear()
    browser.cookies.set(name, replace(journey, verifier="of somebody else" * 4).packed())
    status, text = end(browser)
    assert (status, "refuses what the browser has brought" in text) == (409, True)


def test_a_wrong_secret_of_ours_is_a_matter_of_configuration_and_not_told(arrive: Callable[..., TestClient]) -> None:
    status, text = end(arrive("ada", secret="withdrawn"))
    assert (status, "OIDC_CLIENT_SECRET" in text, "withdrawn" in text) == (500, True, False)
