"""What is asked of an OpenID provider: what it says of itself, its keys, a token for a code, and who somebody is.

Only the asking belongs here. What an answer proves, and whom it lets in, is judged in `console.access.open_id`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, SecretStr, StringConstraints, ValidationError

from fulfillment_pipelines.errors import ConfigurationError, FulfillmentError, RejectedError, SystemDownError

_TIMEOUT_SECONDS: Final = 10
_KEPT_SECONDS: Final = 3600
_ANEW_SECONDS: Final = 60
_LONGEST_ANSWER_BYTES: Final = 1024 * 1024
_METADATA: Final = "/.well-known/openid-configuration"

_Url = Annotated[str, StringConstraints(pattern=r"^(https://|http://(localhost|127\.0\.0\.1|\[::1\])[:/])")]


class ProviderMetadata(BaseModel):
    """What a provider says of itself; its addresses are https, or on this machine.

    Attributes:
        issuer: Who signs its tokens.
        authorization_endpoint: Where a browser is sent to sign in.
        token_endpoint: Where a code becomes a token.
        jwks_uri: Where its keys are.
        userinfo_endpoint: Where it tells more of somebody; None for nowhere.
        token_endpoint_auth_methods_supported: How a client may prove itself there.
        authorization_response_iss_parameter_supported: Whether it names itself when it sends a browser back.
    """

    model_config = ConfigDict(frozen=True)

    issuer: str
    authorization_endpoint: _Url
    token_endpoint: _Url
    jwks_uri: _Url
    userinfo_endpoint: _Url | None = None
    token_endpoint_auth_methods_supported: Sequence[str] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class TokenAnswer(BaseModel):
    """What a provider gives for a code."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    id_token: SecretStr
    access_token: SecretStr | None = None


_Shape = TypeVar("_Shape", bound=BaseModel)


class _Keys(BaseModel):
    model_config = ConfigDict(frozen=True)

    keys: Sequence[Mapping[str, Any]]


class OpenIdProvider:
    """One provider; what it says of itself and its keys are kept for an hour.

    Args:
        issuer: Its address, as it names itself.
        client_id: As which we are known to it.
        find_secret: Returns our secret; None where we have none and only prove the code to be ours.
        monotonic: Seconds that only ever grow.
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        find_secret: Callable[[], SecretStr | None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer = issuer
        self.client_id = client_id
        self._find_secret = find_secret
        self._monotonic = monotonic
        self._guard = threading.Lock()
        self._metadata: ProviderMetadata | None = None
        self._metadata_at = self._keys_at = float("-inf")
        self._keys: Sequence[Mapping[str, Any]] = ()

    def metadata(self) -> ProviderMetadata:
        """Return what the provider says of itself.

        Raises:
            ConfigurationError: It is another provider than the one configured, or says too little.
            SystemDownError: It does not answer.
        """
        with self._guard:
            if self._metadata is None or self._monotonic() - self._metadata_at > _KEPT_SECONDS:
                self._metadata = self._read_metadata()
                self._metadata_at = self._monotonic()
            return self._metadata

    def keys(self, *, anew: bool = False) -> Sequence[Mapping[str, Any]]:
        """Return the provider's keys as JSON Web Keys.

        Args:
            anew: Whether they are asked for again, since one is missing; at most once a minute.

        Raises:
            ConfigurationError: The answer holds no keys.
            SystemDownError: The provider does not answer.
        """
        address = self.metadata().jwks_uri
        with self._guard:
            if self._monotonic() - self._keys_at > (_ANEW_SECONDS if anew else _KEPT_SECONDS):
                self._keys = self._parsed(_Keys, self._asked("GET", address)).keys
                self._keys_at = self._monotonic()
            return self._keys

    def redeem(self, code: str, verifier: str, redirect_uri: str) -> TokenAnswer:
        """Return the tokens for a code that a browser has brought.

        Raises:
            RejectedError: The code is not good, or not any more.
            ConfigurationError: The provider does not know us.
            SystemDownError: It does not answer.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        metadata, secret, basic = self.metadata(), self._find_secret(), None
        if secret is None:
            form["client_id"] = self.client_id
        elif "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            basic = (quote(self.client_id, safe=""), quote(secret.get_secret_value(), safe=""))
        else:
            form |= {"client_id": self.client_id, "client_secret": secret.get_secret_value()}
        return self._parsed(TokenAnswer, self._asked("POST", metadata.token_endpoint, form, auth=basic))

    def told_of(self, access_token: SecretStr) -> Mapping[str, Any]:
        """Return what the provider tells of the person whom an access token stands for; empty where it tells nothing.

        Raises:
            RejectedError: The token is refused.
            SystemDownError: The provider does not answer.
        """
        address = self.metadata().userinfo_endpoint
        if address is None:
            return {}
        told = self._asked("GET", address, bearer=access_token)
        return told if isinstance(told, dict) else {}

    def _read_metadata(self) -> ProviderMetadata:
        read = self._parsed(ProviderMetadata, self._asked("GET", self.issuer.rstrip("/") + _METADATA))
        if read.issuer != self.issuer:
            raise self._misconfigured(f"a provider that names itself {self.issuer}", read.issuer)
        return read

    def _asked(
        self,
        method: str,
        address: str,
        form: Mapping[str, str] | None = None,
        *,
        auth: tuple[str, str] | None = None,
        bearer: SecretStr | None = None,
    ) -> Any:
        headers = {"Accept": "application/json"}
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer.get_secret_value()}"
        try:
            # trust_env off: a proxy that a variable names would read our secret and every token.
            with httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
                answer = client.request(method, address, data=form, auth=auth, headers=headers)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, ValueError) as error:
            raise self._misconfigured("an address that can be asked", type(error).__name__) from None
        except httpx.HTTPError as error:
            raise self._away(type(error).__name__) from None
        if not answer.is_success:
            raise self._refused(answer)
        try:
            return json.loads(answer.content) if len(answer.content) <= _LONGEST_ANSWER_BYTES else None
        except ValueError:
            return None

    def _parsed(self, shape: type[_Shape], body: Any) -> _Shape:
        try:
            return shape.model_validate(body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            wrong = ".".join(map(str, first["loc"])) or "the answer"
            raise self._misconfigured(f"an OpenID provider's answer ({wrong}: {first['msg']})", "another") from None

    def _refused(self, answer: httpx.Response) -> FulfillmentError:
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            return self._away(f"HTTP {answer.status_code}")
        try:
            reason = str(json.loads(answer.content).get("error", ""))[:64]
        except (ValueError, AttributeError):
            reason = ""
        if answer.is_client_error and reason != "invalid_client" and answer.status_code != httpx.codes.NOT_FOUND:
            return RejectedError(
                f"{self.issuer} refuses what the browser has brought.",
                expected="a code that was made for this sign-in and is used once",
                found=reason or f"HTTP {answer.status_code}",
                remedy="sign in again",
            )
        return self._misconfigured("a provider that knows us", reason or f"HTTP {answer.status_code}")

    def _away(self, found: str) -> SystemDownError:
        return SystemDownError(
            f"{self.issuer} does not answer.",
            expected=f"an answer within {_TIMEOUT_SECONDS} seconds",
            found=found,
            remedy="try again in a while; see whether it runs and is reachable from this machine",
        )

    def _misconfigured(self, expected: str, found: str) -> ConfigurationError:
        return ConfigurationError(
            f"Nobody can sign in at {self.issuer}.",
            expected=expected,
            found=found,
            remedy="correct FULFILLMENT_OIDC_ISSUER, FULFILLMENT_OIDC_CLIENT_ID or the reference OIDC_CLIENT_SECRET",
        )
