"""Secrets in HashiCorp Vault, or a manager that speaks like it: one entry of a key-value engine, version 2, over HTTP.

The entry is read as a whole and kept for its lease, or for as long as is configured where it has none, so that ten
systems do not ask ten times. It is a source of secrets as those in `systems.secrets`, and here because it speaks HTTP.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from fulfillment_pipelines.errors import ConfigurationError, SystemDownError


@dataclass(frozen=True, slots=True)
class VaultAddress:
    """Where the entry is and who asks for it.

    Attributes:
        url: Of the server.
        mount: Where the key-value engine is mounted.
        entry: Path of the entry below it.
        namespace: Of the server's enterprise edition; empty for none.
        token: The token; None where it stands in a file.
        token_file: File that an agent keeps a valid token in, read for every request.
        cache_seconds: How long values count where the server gives no lease.
        timeout_seconds: Longest wait for an answer.
    """

    url: str
    mount: str
    entry: str
    namespace: str = ""
    token: SecretStr | None = field(default=None, repr=False)
    token_file: Path | None = None
    cache_seconds: float = 60
    timeout_seconds: float = 5


class VaultSecrets:
    """The values of one entry.

    Args:
        address: Where it is.
        monotonic: Seconds that only ever grow, for leases.

    Raises:
        ConfigurationError: Values would cross a network unencrypted, or no token is configured.
    """

    def __init__(self, address: VaultAddress, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        _require_private(address.url)
        if (address.token is None) == (address.token_file is None):
            raise ConfigurationError(
                "The secret manager needs one token.",
                expected="a token, or a file that holds one",
                found="both" if address.token else "neither",
                remedy="set FULFILLMENT_VAULT_TOKEN_FILE, or FULFILLMENT_VAULT_TOKEN",
            )
        self._address = address
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: Mapping[str, SecretStr] = {}
        self._known_until = float("-inf")

    def __repr__(self) -> str:
        return f"VaultSecrets({self.place})"

    @property
    def place(self) -> str:
        """The entry."""
        return f"the secret manager's entry {self._address.mount}/{self._address.entry}"

    def find(self, name: str) -> SecretStr | None:
        """Return the value of a name in the entry.

        Raises:
            ConfigurationError: The token is refused or cannot be read, or the answer is not one of Vault's.
            SystemDownError: The secret manager does not answer, or is sealed.
        """
        with self._lock:
            if self._monotonic() >= self._known_until:
                asked_at = self._monotonic()
                self._known, lease_seconds = self._read()
                self._known_until = asked_at + (lease_seconds or self._address.cache_seconds)
            return self._known.get(name)

    def remedy(self, name: str) -> str:
        """Return how it is set."""
        return f"vault kv patch -mount={self._address.mount} {self._address.entry} {name}=…"

    def _read(self) -> tuple[Mapping[str, SecretStr], float]:
        address = self._address
        headers = {"X-Vault-Token": self._token(), "X-Vault-Request": "true"}
        if address.namespace:
            headers["X-Vault-Namespace"] = address.namespace
        try:
            # trust_env off: a proxy that a variable names would read every secret.
            with httpx.Client(base_url=address.url, timeout=address.timeout_seconds, trust_env=False) as client:
                answer = client.get(f"/v1/{address.mount}/data/{address.entry}", headers=headers)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, ValueError) as error:
            raise self._misconfigured("an address and a token that can be sent", type(error).__name__) from None
        except httpx.HTTPError as error:
            raise self._away(type(error).__name__) from None
        if answer.status_code == httpx.codes.NOT_FOUND:
            return {}, 0
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise self._away(f"HTTP {answer.status_code}")
        if not answer.is_success:
            raise self._misconfigured("a token that may read the entry", f"HTTP {answer.status_code}")
        return self._values(answer)

    def _values(self, answer: httpx.Response) -> tuple[Mapping[str, SecretStr], float]:
        try:
            body: Any = json.loads(answer.content)
            written = body["data"]["data"] or {}
            values = {name: SecretStr(value) for name, value in written.items() if isinstance(value, str) and value}
            return values, float(body.get("lease_duration") or 0)
        except (ValueError, KeyError, TypeError, AttributeError):
            # The text of the error may repeat what was read.
            raise self._misconfigured("an entry of a key-value engine, version 2", "another answer") from None

    def _token(self) -> str:
        if self._address.token is not None:
            return self._address.token.get_secret_value()
        try:
            return Path(str(self._address.token_file)).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise self._misconfigured(f"a token in {self._address.token_file}", type(error).__name__) from None

    def _away(self, found: str) -> SystemDownError:
        return SystemDownError(
            f"{self.place} cannot be read now.",
            expected=f"an answer within {self._address.timeout_seconds:g} seconds",
            found=found,
            remedy="see whether it runs, is reachable and unsealed; it is asked again with the next connection",
        )

    def _misconfigured(self, expected: str, found: str) -> ConfigurationError:
        return ConfigurationError(
            f"{self.place} cannot be read.",
            expected=expected,
            found=found,
            remedy="correct the settings FULFILLMENT_VAULT_…, or the policy of the token",
        )


def _require_private(url: str) -> None:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme == "https" or (parsed.scheme == "http" and _is_loopback(parsed.host)):
        return
    raise ConfigurationError(
        "The address of the secret manager cannot be used.",
        expected="an https URL; http only for this machine, since secrets would be read on the way",
        found=f"the scheme '{parsed.scheme}'",
        remedy="correct FULFILLMENT_VAULT_ADDRESS",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
