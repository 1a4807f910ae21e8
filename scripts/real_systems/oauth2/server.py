"""Starts an issuer of OAuth2 tokens that knows a few clients."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from scripts.real_systems.installed import NotInstalledError, free_port, installed_from_npm, running

_HERE = Path(__file__).parent
_START_SECONDS = 30
_REQUEST_SECONDS = 20


@dataclass(frozen=True)
class Client:
    """A client as the issuer knows it.

    Attributes:
        secret: What it proves itself with.
        lifetime_seconds: How long its tokens are good.
        lifetime_is_told: Whether the answer says so; otherwise it says an hour, whatever the token holds.
    """

    secret: str
    lifetime_seconds: int = 3600
    lifetime_is_told: bool = True


@dataclass(frozen=True)
class Server:
    """An issuer that runs.

    Attributes:
        url: Its address; `/token`, `/jwks` and `/.well-known/openid-configuration` are there.
        http: A client of it.
    """

    url: str
    http: httpx.Client

    def keys(self) -> Any:
        """Return its public keys, as a JSON Web Key Set (RFC 7517)."""
        return self.http.get("jwks").raise_for_status().json()

    def name(self) -> str:
        """Return what it calls itself in the claim `iss` of its tokens."""
        discovered = self.http.get(".well-known/openid-configuration").raise_for_status().json()
        return str(discovered["issuer"])

    def granted_refresh_token(self, client_id: str, client_secret: str) -> str:
        """Return the refresh token that a person obtains once by logging in."""
        asked = {"grant_type": "password", "username": "clerk", "scope": "lines"}
        answer = self.http.post("token", data=asked, auth=(client_id, client_secret)).raise_for_status()
        return str(answer.json()["refresh_token"])


@contextlib.contextmanager
def started(home: Path, clients: Mapping[str, Client]) -> Iterator[Server]:
    """Run an issuer with fresh keys for the length of the `with` block.

    Args:
        home: Folder for its log.
        clients: Who may have tokens.

    Raises:
        NotInstalledError: Node.js or the package is missing, or the server did not come up.
    """
    software = installed_from_npm("oauth2", _HERE / "package.json")
    node = shutil.which("node")
    if node is None:
        raise NotInstalledError(
            "Node.js 20.19 or newer is not installed. Remedy: apt-get install nodejs, or nodejs.org"
        )
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    environment = {
        "NODE_PATH": str(software / "node_modules"),
        "OAUTH2_PORT": str(port),
        "OAUTH2_CLIENTS": json.dumps({name: asdict(client) for name, client in clients.items()}),
    }
    url = f"http://127.0.0.1:{port}"
    with (
        httpx.Client(base_url=url, timeout=_REQUEST_SECONDS, trust_env=False) as http,
        running(
            [node, str(_HERE / "server.js")],
            log=home / "oauth2.log",
            is_ready=lambda: _is_ready(http),
            folder=home,
            environment=environment,
            seconds=_START_SECONDS,
        ),
    ):
        yield Server(url, http)


def _is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("jwks").is_success
    except httpx.TransportError:
        return False
