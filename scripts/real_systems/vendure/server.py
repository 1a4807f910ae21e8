"""Starts a portal: installed and stocked once into the cache, copied from there each time.

What stands in its catalogue and how orders are placed have modules of their own.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from scripts.real_systems.installed import fingerprint, free_port, installed_from_npm, made_once, running
from scripts.real_systems.vendure.catalogue import log_in, make_api_key, make_catalogue
from scripts.real_systems.vendure.graphql import GraphqlClient
from scripts.real_systems.vendure.orders import Portal

_HERE = Path(__file__).parent
_PASSWORD = "only-on-loopback"  # noqa: S105 -- of a throw-away database that listens on this machine alone
_START_SECONDS = 120
_REQUEST_SECONDS = 30
_DATABASE = "vendure.sqlite"
_KEY = "api-key"


@dataclass(frozen=True)
class Server:
    """A portal that runs.

    Attributes:
        url: Its address.
        api_key: What the integration shows in the header `vendure-api-key`.
        portal: The portal as its customers and its clerks use it.
    """

    url: str
    api_key: str
    portal: Portal


@contextlib.contextmanager
def started(home: Path) -> Iterator[Server]:
    """Run a portal with items and without orders for the length of the `with` block.

    Args:
        home: Folder for its database and its log.

    Raises:
        NotInstalledError: Node.js or a package is missing, or the portal did not come up.
    """
    software = installed_from_npm("vendure", _HERE / "package.json")
    version = fingerprint(_PASSWORD, *(_HERE / name for name in ("package-lock.json", "server.js", "catalogue.py")))
    template = made_once("vendure-template", version, lambda folder: _make_template(software, folder))
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(template / _DATABASE, home)
    with _serving(software, home) as http:
        key = (template / _KEY).read_text(encoding="utf-8")
        yield Server(str(http.base_url), key, Portal(http, _administrator(http)))


def _make_template(software: Path, folder: Path) -> None:
    with _serving(software, folder) as http:
        admin = _administrator(http)
        make_catalogue(admin)
        (folder / _KEY).write_text(make_api_key(admin), encoding="utf-8")


@contextlib.contextmanager
def _serving(software: Path, home: Path) -> Iterator[httpx.Client]:
    port = free_port()
    environment = {
        "NODE_PATH": str(software / "node_modules"),
        "VENDURE_PORT": str(port),
        "VENDURE_DATABASE": str(home / _DATABASE),
        "VENDURE_PASSWORD": _PASSWORD,
        "VENDURE_DISABLE_TELEMETRY": "true",
    }
    address = f"http://127.0.0.1:{port}"
    with (
        httpx.Client(base_url=address, timeout=_REQUEST_SECONDS, trust_env=False) as http,
        running(
            ["node", str(_HERE / "server.js")],
            log=home / "vendure.log",
            is_ready=lambda: _is_ready(http),
            folder=home,
            environment=environment,
            seconds=_START_SECONDS,
        ),
    ):
        yield http


def _is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("/health").is_success
    except httpx.TransportError:
        return False


def _administrator(http: httpx.Client) -> GraphqlClient:
    admin = GraphqlClient(http, "admin-api")
    log_in(admin, _PASSWORD)
    return admin
