"""Tokens of the API: what they open, what they never open, and that they end."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from fulfillment_pipelines.console.access.tokens import GivenToken, give_out_token, take_back_token
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.refusals import ForbiddenError
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.ledger.accounts import read_account
from fulfillment_pipelines.ledger.api_tokens import list_tokens, read_token
from fulfillment_pipelines_tests.console.conftest import Visitor


def given(console: Console, person: str = "ada", *scopes: str, days: int = 1) -> GivenToken:
    with console.deciding("test") as work:
        made = give_out_token(
            work,
            console.policies.people.require_active(person),
            "a test",
            scopes or ("case.view",),
            days,
            matrix=console.policies.access,
            now=console.machine_now(),
        )
        work.commit()
    return made


def with_token(visitor: Visitor, text: str) -> TestClient:
    client = visitor("")
    client.headers["Authorization"] = f"Bearer {text}"
    return client


def test_a_token_opens_what_its_scope_names_and_nothing_else(console: Console, visitor: Visitor) -> None:
    client = with_token(visitor, given(console).text)
    assert client.get("/queue").status_code == 200
    assert client.get("/account/people").status_code == 403


def test_a_token_never_does_more_than_its_person(console: Console) -> None:
    with pytest.raises(ForbiddenError, match=r"cannot make a token for access\.manage"):
        given(console, "ines", "access.manage")
    with pytest.raises(ForbiddenError, match=r"cannot make a token for switch\.release"):
        given(console, "ada", "switch.release")


@pytest.mark.parametrize(("days", "scopes", "name"), [(0, ["case.view"], "x"), (366, ["case.view"], "x"), (1, [], "x")])
def test_a_token_without_end_or_scope_is_not_made(console: Console, days: int, scopes: list[str], name: str) -> None:
    ada, now = console.policies.people.require_active("ada"), console.machine_now()
    with console.deciding("test") as work, pytest.raises(BadDataError):
        give_out_token(work, ada, name, scopes, days, matrix=console.policies.access, now=now)


def test_only_the_hash_of_a_token_is_kept(console: Console) -> None:
    made = given(console)
    with console.reading() as work:
        kept = read_token(work, made.token.token_id)
    assert kept is not None
    assert made.text.rpartition("_")[2] not in repr(kept)


@pytest.mark.parametrize("wrong", ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer ffp_0123456789abcdef_" + "a" * 43])
def test_what_is_no_token_is_refused_with_a_challenge_and_not_led_elsewhere(visitor: Visitor, wrong: str) -> None:
    client = visitor("ada")
    answer = client.get("/queue", headers={"Authorization": wrong})
    assert (answer.status_code, answer.headers["www-authenticate"].split()[0]) == (401, "Bearer")


def test_a_right_identity_with_a_wrong_secret_is_refused(console: Console, visitor: Visitor) -> None:
    text = given(console).text
    assert with_token(visitor, text[:-1] + ("a" if text[-1] != "a" else "b")).get("/queue").status_code == 401


def test_a_token_that_was_taken_back_is_refused_from_then_on(console: Console, visitor: Visitor) -> None:
    made = given(console)
    client = with_token(visitor, made.text)
    with console.deciding("test") as work:
        take_back_token(work, made.token.token_id, by="ada", of="ada", now=console.machine_now())
        work.commit()
    assert client.get("/queue").status_code == 401


def test_a_token_ends_and_its_use_is_noted_once_a_minute(console: Console, visitor: Visitor) -> None:
    clock = FixedClock(console.machine_now())
    object.__setattr__(console.platform, "machine_clock", clock)
    client, begun_at = with_token(visitor, given(console).text), clock.at
    uses = []
    for seconds in (0, 59, 60):
        clock.at = begun_at + timedelta(seconds=seconds)
        assert client.get("/queue").status_code == 200
        with console.reading() as work:
            uses.append(list_tokens(work, "ada")[0].used_at)
    assert uses == [begun_at, begun_at, clock.at]
    clock.at = begun_at + timedelta(days=1)
    assert client.get("/queue").status_code == 401


def test_a_token_needs_no_form_but_is_no_matter_of_the_password(console: Console, visitor: Visitor) -> None:
    client = with_token(visitor, given(console, "ines", "case.view", "switch.engage").text)
    answers = [client.post(path).status_code for path in ("/sign-out", "/account/sessions/end-others")]
    assert answers == [403, 403]
    assert client.get("/account").status_code == 403


def test_a_person_makes_a_token_sees_it_once_and_takes_it_back(visitor: Visitor) -> None:
    browser = visitor("ada")
    page = browser.post("/account/tokens", data={"name": "<b>night</b> run", "days": "30", "scopes": ["case.view"]})
    (text,) = re.findall(r"ffp_[0-9a-f]{16}_[\w-]{43}", page.text)
    assert "<b>night</b>" not in page.text
    assert text not in browser.get("/account").text
    client = with_token(visitor, text)
    assert client.get("/queue").status_code == 200
    assert browser.post(f"/account/tokens/{text.split('_')[1]}/revoke").status_code == 303
    assert client.get("/queue").status_code == 401


def test_nobody_takes_back_the_token_of_somebody_else_but_who_manages_access(
    console: Console, visitor: Visitor
) -> None:
    made = given(console)
    token_id = made.token.token_id
    assert visitor("ben").post(f"/account/tokens/{token_id}/revoke").status_code == 404
    assert with_token(visitor, made.text).get("/queue").status_code == 200
    assert visitor("ines").post(f"/account/people/ada/tokens/{token_id}/revoke").status_code == 303
    assert with_token(visitor, made.text).get("/queue").status_code == 401


def test_who_is_barred_is_out_with_sessions_and_tokens(console: Console, visitor: Visitor) -> None:
    browser, client = visitor("ada"), with_token(visitor, given(console).text)
    barred = visitor("ines").post("/account/people/ada/bar", data={"reason": "laptop lost"})
    assert barred.status_code == 303
    assert (browser.get("/queue").status_code, client.get("/queue").status_code) == (303, 401)
    with console.reading() as work:
        assert read_account(work, "ada") is not None


def test_who_manages_access_does_not_bar_the_own_account(visitor: Visitor) -> None:
    assert visitor("ines").post("/account/people/ines/bar", data={"reason": "by mistake"}).status_code == 409
