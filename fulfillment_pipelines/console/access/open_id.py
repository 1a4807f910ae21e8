"""People sign in at their company's door (OpenID Connect): the authorization code flow with PKCE, state and nonce.

What a provider answers is believed only so far as its signature, by a key that it publishes, covers it. Who it speaks
of must stand in `people.yaml`; what the person may do is decided there and in `access.yaml`, never by the provider.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, Self
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import SecretStr

from fulfillment_pipelines.console.refusals import ForbiddenError
from fulfillment_pipelines.corrections.approving.people import People, Person
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.loop.platform import references_of
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.systems.distributor import Distributor
from fulfillment_pipelines.systems.transports.open_id import OpenIdProvider, TokenAnswer

CLIENT_SECRET: Final = "OIDC_CLIENT_SECRET"  # noqa: S105 - the name of a reference
EMAIL: Final = "email"

# Only what a provider signs with a key that nobody else has; never `none`, and never with our own secret.
_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_LEEWAY_SECONDS: Final = 60
_OLDEST_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Journey:
    """A sign-in that has begun in one browser, which alone keeps it, in a cookie.

    Attributes:
        state: Comes back with the browser.
        nonce: Comes back within the signed token.
        verifier: Proves that a code was asked for by us.
        path: Where the person wants to go.
    """

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    path: str

    @classmethod
    def new(cls, path: str) -> Self:
        """Return a journey that nobody can guess."""
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), path)

    def packed(self) -> str:
        """Return it as the value of a cookie."""
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode().rstrip("=")

    @classmethod
    def unpacked(cls, value: str) -> Self | None:
        """Return the journey of a cookie; None where it holds none."""
        try:
            told = json.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
            return cls(**{name: str(told[name]) for name in ("state", "nonce", "verifier", "path")})
        except (binascii.Error, ValueError, KeyError, TypeError):
            return None


class OpenIdDoor:
    """Lets in whom a provider vouches for.

    Args:
        provider: Who vouches.
        claim: What it says of a person that is matched with `people.yaml`: `email`, with `email` there, or another
            claim, with `id`.
    """

    def __init__(self, provider: OpenIdProvider, claim: str = EMAIL) -> None:
        self._provider = provider
        self._claim = claim

    @property
    def issuer(self) -> str:
        """Where people sign in."""
        return self._provider.issuer

    def address_for(self, journey: Journey, redirect_uri: str) -> str:
        """Return where a browser is sent.

        Raises:
            ConfigurationError: The provider is not what it should be.
            SystemDownError: It does not answer.
        """
        challenge = base64.urlsafe_b64encode(hashlib.sha256(journey.verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "response_type": "code",
            "client_id": self._provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid email profile",
            "state": journey.state,
            "nonce": journey.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = self._provider.metadata().authorization_endpoint
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    def admit(
        self, journey: Journey | None, brought: Mapping[str, str], redirect_uri: str, *, people: People, now: datetime
    ) -> Person:
        """Return who has come back.

        Args:
            journey: What the browser has kept; None for nothing.
            brought: The parameters of the address that the provider has sent it to.
            redirect_uri: That address without them.
            people: Everybody who is known.
            now: The time of this machine.

        Raises:
            ForbiddenError: The sign-in did not begin in this browser, the provider refused, its token is not good, or
                the person is not known here.
            RejectedError: The provider refuses the code.
            SystemDownError: It does not answer.
        """
        if journey is None or not secrets.compare_digest(journey.state.encode(), brought.get("state", "").encode()):
            raise _refused("a sign-in that was begun in this browser, ten minutes ago at most", "another, or none")
        named = brought.get("iss")
        if named != self.issuer and (named or self._provider.metadata().authorization_response_iss_parameter_supported):
            raise _refused(f"an answer of {self.issuer}", "one of somebody else")
        if "code" not in brought:
            raise _refused("a code", brought.get("error", "none")[:64])
        answer = self._provider.redeem(brought["code"], journey.verifier, redirect_uri)
        return self._person(self._claims(answer, journey.nonce, now), answer, people)

    def _claims(self, answer: TokenAnswer, nonce: str, now: datetime) -> Mapping[str, Any]:
        claims = self._decoded(answer.id_token.get_secret_value())
        registry = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self._provider.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        try:
            registry.validate(dict(claims))
        except JoseError as error:
            raise _refused("a token for us, of now", str(error)[:128]) from None
        is_for_several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (is_for_several or "azp" in claims) and claims.get("azp") != self._provider.client_id:
            raise _refused("a token for us", "one that was asked for by another client")
        if now.timestamp() - float(claims["iat"]) > _OLDEST_SECONDS:
            raise _refused("a token of now", "one that was signed long ago")
        if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise _refused("a token for this sign-in", "one for another")
        return claims

    def _decoded(self, token: str) -> Mapping[str, Any]:
        """Return what a token says, once its signature is found good; a key that is not known may be a new one."""
        for anew in (False, True):
            try:
                keys = KeySet.import_key_set({"keys": [dict(key) for key in self._provider.keys(anew=anew)]})
                return jwt.decode(token, keys, algorithms=list(_ALGORITHMS)).claims
            except (JoseError, ValueError, KeyError, TypeError) as error:
                found = type(error).__name__
        raise _refused(f"a token that {self.issuer} has signed", found)

    def _person(self, claims: Mapping[str, Any], answer: TokenAnswer, people: People) -> Person:
        if self._claim not in claims and answer.access_token is not None:
            told = self._provider.told_of(answer.access_token)
            claims = {**told, **claims} if told.get("sub") == claims["sub"] else claims
        name = claims.get(self._claim)
        if not isinstance(name, str) or not name:
            raise _unknown(f"{self.issuer} tells no claim '{self._claim}' of you", "let the provider send this claim")
        if self._claim == EMAIL and claims.get("email_verified") is not True:
            raise _unknown(f"the address {name} is not verified", f"have it verified at {self.issuer}")
        found = [person for person in people.everybody if self._is(person, name)]
        if len(found) != 1:
            raise _unknown(f"{name}, who is not in people.yaml", f"an administrator adds {name} to people.yaml")
        if not found[0].active:
            raise _unknown(f"{name}, who has left", "an administrator sets `active` of this person in people.yaml")
        return found[0]

    def _is(self, person: Person, name: str) -> bool:
        if self._claim == EMAIL:
            return bool(person.email) and person.email.casefold() == name.casefold()
        return person.id == name


def open_id_door(settings: Settings, distributor: Distributor) -> OpenIdDoor | None:
    """Return the door that the settings name; None where people sign in with passwords alone.

    Raises:
        ConfigurationError: It is named in half, or nobody could sign in at all.
    """
    issuer, client_id = settings.oidc_issuer, settings.oidc_client_id
    if (issuer is None) != (client_id is None) or (issuer is None and not settings.console_passwords):
        raise ConfigurationError(
            "Nobody can sign in elsewhere." if settings.console_passwords else "Nobody can sign in at all.",
            expected="FULFILLMENT_OIDC_ISSUER and FULFILLMENT_OIDC_CLIENT_ID, or passwords and neither of them",
            found="one of them" if issuer or client_id else "FULFILLMENT_CONSOLE_PASSWORDS is off, and neither is set",
            remedy="set both, or unset all three",
        )
    if issuer is None or client_id is None:
        return None
    find: partial[SecretStr | None] = partial(references_of(settings, distributor).find, CLIENT_SECRET)
    return OpenIdDoor(OpenIdProvider(issuer, client_id, find), settings.oidc_claim)


def _refused(expected: str, found: str) -> ForbiddenError:
    return ForbiddenError("You are not signed in.", expected=expected, found=found, remedy="sign in again")


def _unknown(found: str, remedy: str) -> ForbiddenError:
    return ForbiddenError(
        "You are not signed in: this console does not know you.",
        expected="an active person of people.yaml",
        found=found,
        remedy=f"{remedy}; then sign in again",
    )
