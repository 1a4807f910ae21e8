"""Signing in: who is let in, what is refused, and that a session ends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fulfillment_pipelines.console.access.signing_in import give_out_account
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines_tests.console.conftest import Visitor


@pytest.fixture
def secret(console: Console) -> str:
    """The secret of an account that was just given out to Ada."""
    with console.deciding("test") as work:
        given = give_out_account(
            work, "ada", by="ines", passwords=console.passwords, policies=console.policies, now=console.machine_now()
        )
        work.commit()
    return given


def test_who_is_not_signed_in_is_led_to_the_sign_in(visitor: Visitor) -> None:
    answer = visitor("").get("/queue")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/queue")


def test_a_secret_that_was_given_out_opens_the_console_and_must_be_replaced(visitor: Visitor, secret: str) -> None:
    answer = visitor("").post("/sign-in", data={"person": "Ada ", "password": secret, "next": "/flow"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/password")
    assert "HttpOnly" in answer.headers["set-cookie"]


@pytest.mark.usefixtures("secret")
def test_a_wrong_password_and_an_unknown_name_look_the_same(visitor: Visitor) -> None:
    wrong = visitor("").post("/sign-in", data={"person": "ada", "password": "wrong"})
    unknown = visitor("").post("/sign-in", data={"person": "nobody", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text == unknown.text


def test_a_session_ends_when_nothing_is_done_in_it(console: Console, visitor: Visitor) -> None:
    clock = FixedClock(console.machine_now())
    object.__setattr__(console.platform, "machine_clock", clock)
    browser = visitor("ada")
    assert browser.get("/queue").status_code == 200
    clock.at += timedelta(minutes=console.policies.access.seed.sign_in.idle_minutes + 1)
    assert browser.get("/queue").status_code == 303


def test_a_form_without_the_token_of_its_session_is_refused(visitor: Visitor) -> None:
    browser = visitor("ada")
    del browser.headers["X-CSRF-Token"]
    assert browser.post("/sign-out").status_code == 403
