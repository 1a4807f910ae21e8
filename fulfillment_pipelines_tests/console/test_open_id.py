"""Signing in at a provider that lies, or is away: nothing that it answers is believed without a good signature.

The provider here signs whatever a test wants; a real one is asked in `real_systems/test_canaille.py`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flask
import pytest
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

from fulfillment_pipelines.console.access.open_id import Journey, OpenIdDoor, open_id_door
from fulfillment_pipelines.console.access.signing_in import bar_account
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.systems.transports.open_id import OpenIdProvider
from fulfillment_pipelines_tests.console.conftest import Visitor

MINUTE = 60


@dataclass
class Liar:
    """A provider.

    Attributes:
        url: Its address.
        now: The time it signs.
        claims: What replaces the claims of its next token; None takes one out.
        told: What it tells of a person when it is asked.
        metadata: What replaces what it says of itself.
        key: What it signs with.
        published: The keys that it publishes.
        header: What replaces the header of its token.
    """

    url: str = ""
    now: float = 0
    claims: dict[str, Any] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    key: Any = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first"}))
    published: list[Mapping[str, Any]] = field(default_factory=list)
    header: dict[str, Any] = field(default_factory=dict)
    nonce: str = ""
    keys_asked: int = 0

    def application(self) -> flask.Flask:
        application = flask.Flask("liar")
        application.add_url_rule("/.well-known/openid-configuration", "metadata", self._metadata)
        application.add_url_rule("/keys", "keys", self._keys)
        application.add_url_rule("/token", "token", self._token, methods=["POST"])
        application.add_url_rule("/person", "person", lambda: self.told)
        return application

    def _metadata(self) -> Any:
        own = {"issuer": self.url, "jwks_uri": f"{self.url}/keys", "token_endpoint": f"{self.url}/token"}
        more = {"authorization_endpoint": f"{self.url}/authorize", "userinfo_endpoint": f"{self.url}/person"}
        return {**own, **more, **self.metadata}

    def _keys(self) -> Any:
        self.keys_asked += 1
        return {"keys": self.published}

    def _token(self) -> Any:
        usual = {
            "iss": self.url,
            "aud": "console",
            "sub": "4711",
            "iat": int(self.now),
            "exp": int(self.now) + 5 * MINUTE,
            "nonce": self.nonce,
            "email": "Ada@Distributor.example",
            "email_verified": True,
        }
        claims = {name: value for name, value in {**usual, **self.claims}.items() if value is not None}
        header = {"alg": "RS256", "kid": "first", **self.header}
        if isinstance(self.key, bytes):
            text = _sealed(header, claims, self.key)
        else:
            text = jwt.encode(header, claims, self.key, algorithms=[header["alg"]])
        return {"id_token": text, "access_token": "opaque", "token_type": "Bearer"}


def _sealed(header: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes) -> str:
    """A token as no library would make it: sealed with a secret, or with nothing."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims)]
    seal = hmac.new(secret, ".".join(parts).encode(), hashlib.sha256).digest() if secret else b""
    return ".".join([*parts, base64.urlsafe_b64encode(seal).decode().rstrip("=")])


@pytest.fixture
def liar(console: Console) -> Iterator[Liar]:
    liar = Liar(now=console.machine_now().timestamp())
    liar.published = [liar.key.as_dict(private=False)]
    serving = make_server("127.0.0.1", 0, liar.application(), threaded=True)
    liar.url = f"http://127.0.0.1:{serving.server_port}"
    console.open_id = OpenIdDoor(OpenIdProvider(liar.url, "console", lambda: None))
    thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield liar
    serving.shutdown()
    thread.join()
    serving.server_close()


def come_back(browser: TestClient, liar: Liar, path: str = "/account", **changed: str) -> tuple[int, str, str]:
    """Sign in, and return the status, the text and the target of the answer."""
    leaving = browser.get("/sign-in/open-id", params={"next": path})
    assert leaving.status_code == 303, leaving.text
    asked = {name: values[0] for name, values in parse_qs(urlsplit(leaving.headers["location"]).query).items()}
    assert (asked["code_challenge_method"], asked["response_type"]) == ("S256", "code")
    liar.nonce = asked["nonce"]
    answer = browser.get("/sign-in/open-id/done", params={"code": "abc", "state": asked["state"], **changed})
    return answer.status_code, answer.text, answer.headers.get("location", "")


def test_a_verified_address_of_a_known_person_signs_the_person_in(visitor: Visitor, liar: Liar) -> None:
    browser = visitor("")
    assert come_back(browser, liar)[::2] == (303, "/account")
    assert "Ada Lindqvist" in browser.get("/account").text


def test_what_the_token_does_not_say_is_asked_for_of_the_same_person_alone(visitor: Visitor, liar: Liar) -> None:
    liar.claims = {"email": None, "email_verified": None}
    liar.told = {"sub": "4711", "email": "ada@distributor.example", "email_verified": True}
    assert come_back(visitor(""), liar)[0] == 303
    liar.told["sub"] = "4712"
    assert come_back(visitor(""), liar)[0] == 403


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"nonce": "another"}, "one for another"),
        ({"nonce": None}, "one for another"),
        ({"aud": "somebody else"}, "aud"),
        ({"aud": ["console", "somebody else"]}, "another client"),
        ({"aud": ["console", "x"], "azp": "x"}, "another client"),
        ({"aud": None}, "aud"),
        ({"iss": "https://evil.example"}, "iss"),
        ({"exp": 1_000_000_000}, "expired"),
        ({"exp": None}, "exp"),
        ({"iat": 1_000_000_000}, "long ago"),
        ({"sub": None}, "sub"),
        ({"email_verified": False}, "not verified"),
        ({"email_verified": None}, "not verified"),
        ({"email_verified": "false"}, "not verified"),
        ({"email": "mallory@distributor.example"}, "not in people.yaml"),
        ({"email": ""}, "tells no claim"),
        ({"email": ["ada@distributor.example"]}, "tells no claim"),
    ],
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(
    visitor: Visitor, liar: Liar, claims: dict[str, Any], why: str
) -> None:
    liar.claims = claims
    browser = visitor("")
    status, text, _ = come_back(browser, liar)
    assert (status, why in text) == (403, True), text
    assert browser.get("/account").status_code == 303


def test_a_token_that_nobody_has_signed_is_refused(visitor: Visitor, liar: Liar) -> None:
    liar.header, liar.key = {"alg": "none"}, b""
    assert come_back(visitor(""), liar)[0] == 403


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(visitor: Visitor, liar: Liar) -> None:
    liar.key, liar.header = liar.key.as_pem(private=False), {"alg": "HS256"}
    assert come_back(visitor(""), liar)[0] == 403


@pytest.mark.parametrize("kid", ["first", "second"])
def test_a_token_signed_with_a_key_that_is_not_published_is_refused(visitor: Visitor, liar: Liar, kid: str) -> None:
    liar.key, liar.header = RSAKey.generate_key(2048, {"kid": kid}), {"kid": kid}
    assert come_back(visitor(""), liar)[0] == 403


def test_a_new_key_is_taken_once_it_is_published_and_asked_for_no_more_than_once_a_minute(
    console: Console, visitor: Visitor, liar: Liar
) -> None:
    seconds = [0.0]
    console.open_id = OpenIdDoor(OpenIdProvider(liar.url, "console", lambda: None, monotonic=lambda: seconds[0]))
    assert come_back(visitor(""), liar)[0] == 303
    liar.key, liar.header = RSAKey.generate_key(2048, {"kid": "second"}), {"kid": "second"}
    liar.published = [liar.key.as_dict(private=False)]
    assert (come_back(visitor(""), liar)[0], liar.keys_asked) == (403, 1)
    seconds[0] = 61
    assert (come_back(visitor(""), liar)[0], liar.keys_asked) == (303, 2)


@pytest.mark.parametrize("changed", [{"state": "another"}, {"state": ""}, {"iss": "https://evil.example"}])
def test_an_answer_to_another_sign_in_is_refused(visitor: Visitor, liar: Liar, changed: dict[str, str]) -> None:
    assert come_back(visitor(""), liar, **changed)[0] == 403


def test_who_says_that_it_names_itself_must_do_so(visitor: Visitor, liar: Liar) -> None:
    liar.metadata = {"authorization_response_iss_parameter_supported": True}
    assert come_back(visitor(""), liar)[0] == 403
    assert come_back(visitor(""), liar, iss=liar.url)[0] == 303


def test_a_sign_in_that_began_in_no_browser_is_refused(visitor: Visitor, liar: Liar) -> None:
    assert liar.url
    for cookie in ("", "bm9uc2Vuc2U", "e30", "%%%"):
        browser = visitor("")
        browser.cookies.set("fulfillment_journey", cookie)
        assert browser.get("/sign-in/open-id/done", params={"code": "abc", "state": ""}).status_code == 403


def test_the_way_back_leads_to_no_other_site(visitor: Visitor, liar: Liar) -> None:
    assert come_back(visitor(""), liar, "//evil.example")[2] == "/"
    browser = visitor("")
    browser.cookies.set("fulfillment_journey", Journey("s", "n", "v", "https://evil.example").packed())
    liar.nonce = "n"
    answer = browser.get("/sign-in/open-id/done", params={"code": "abc", "state": "s"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_whom_an_administrator_keeps_out_the_provider_does_not_let_in(
    console: Console, visitor: Visitor, liar: Liar
) -> None:
    with console.deciding("test") as work:
        bar_account(work, "ada", by="ines", reason="laptop lost", now=console.machine_now())
        work.commit()
    status, text, _ = come_back(visitor(""), liar)
    assert (status, "is barred" in text) == (403, True)


@pytest.mark.parametrize(
    ("metadata", "status"), [({"issuer": "https://evil.example"}, 500), ({"jwks_uri": "http://evil.example/keys"}, 500)]
)
def test_a_provider_that_is_not_the_configured_one_is_not_asked_further(
    visitor: Visitor, liar: Liar, metadata: dict[str, Any], status: int
) -> None:
    liar.metadata = metadata
    assert visitor("").get("/sign-in/open-id").status_code == status
    assert liar.keys_asked == 0


def test_a_provider_that_is_away_is_said_to_be_away(console: Console, visitor: Visitor) -> None:
    console.open_id = OpenIdDoor(OpenIdProvider("http://127.0.0.1:9", "console", lambda: None))
    answer = visitor("").get("/sign-in/open-id")
    assert (answer.status_code, "does not answer" in answer.text) == (503, True)


def test_where_passwords_are_switched_off_none_is_taken_and_sessions_of_passwords_end(
    console: Console, visitor: Visitor, liar: Liar
) -> None:
    earlier, browser = visitor("ada"), visitor("")
    console.takes_passwords = False
    assert earlier.get("/account").status_code == 303
    assert browser.post("/sign-in", data={"person": "ada", "password": "x"}).status_code == 404
    assert 'name="password"' not in browser.get("/sign-in").text
    assert come_back(browser, liar)[0] == 303
    assert browser.get("/account").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"oidc_issuer": "https://id.example"},
        {"oidc_client_id": "console"},
        {"console_passwords": False},
    ],
)
def test_a_door_that_is_named_in_half_stops_the_start(console: Console, wrong: dict[str, Any]) -> None:
    settings = Settings(**wrong)
    with pytest.raises(ConfigurationError, match="FULFILLMENT_OIDC_ISSUER and FULFILLMENT_OIDC_CLIENT_ID"):
        open_id_door(settings, console.platform.distributor)


@pytest.mark.parametrize("issuer", ["http://id.example", "ftp://id.example", "https://", "https://id.example?x=1"])
def test_a_provider_without_tls_is_not_configured(issuer: str) -> None:
    with pytest.raises(ValueError, match="oidc_issuer"):
        Settings(oidc_issuer=issuer, oidc_client_id="console")
