"""Starts WireMock, and tells it over its own interface what to answer and asks it what it was asked.

What a test wants to be answered stands in the test; stubs are WireMock's own JSON.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import httpx

from scripts.real_systems.installed import NotInstalledError, free_port, installed_from_npm, running

Stub: TypeAlias = Mapping[str, Any]
"""A stub mapping as WireMock's documentation has it: `request`, `response`, and its place in a scenario."""

_HERE = Path(__file__).parent
_JAR = "node_modules/wiremock/build/wiremock-standalone-3.13.2.jar"
_SMALL = ("-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # it starts faster, and serves few requests
_START_SECONDS = 60
_REQUEST_SECONDS = 20


@dataclass(frozen=True)
class Asked:
    """One request as WireMock's journal has it.

    Attributes:
        method: HTTP method.
        url: Path and query.
        headers: Headers by their names in small letters.
        body: Text of the body.
        at: When it came, to the millisecond.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: str
    at: datetime


@dataclass(frozen=True)
class Server:
    """A WireMock that runs.

    Attributes:
        url: Its address.
        admin: A client of its administration.
    """

    url: str
    admin: httpx.Client

    def answer(self, *stubs: Stub) -> None:
        """Take in stubs; of those that match a request the newest answers."""
        for stub in stubs:
            self.admin.post("mappings", json=stub).raise_for_status()

    def forget(self) -> None:
        """Drop all stubs, the states of all scenarios, and the journal."""
        self.admin.post("reset").raise_for_status()

    def asked(self) -> Sequence[Asked]:
        """Return what it was asked since the last `forget`, in the order it came."""
        journal = self.admin.get("requests").raise_for_status().json()["requests"]
        return sorted((_asked(entry["request"]) for entry in journal), key=lambda asked: asked.at)


@contextlib.contextmanager
def started(home: Path) -> Iterator[Server]:
    """Run a WireMock that has no stubs for the length of the `with` block.

    Args:
        home: Folder for its log and for what it keeps.

    Raises:
        NotInstalledError: Java, Node.js or the package is missing, or the server did not come up.
    """
    java = shutil.which("java")
    if java is None:
        raise NotInstalledError("WireMock needs Java 11 or newer. Remedy: apt-get install default-jre-headless")
    jar = installed_from_npm("wiremock", _HERE / "package.json") / _JAR
    home.mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{free_port()}"
    place = ("--bind-address", "127.0.0.1", "--port", url.rpartition(":")[2], "--root-dir", str(home))
    with (
        httpx.Client(base_url=f"{url}/__admin", timeout=_REQUEST_SECONDS, trust_env=False) as admin,
        running(
            [java, *_SMALL, "-jar", str(jar), *place, "--disable-banner"],
            log=home / "wiremock.log",
            is_ready=lambda: _is_ready(admin),
            folder=home,
            seconds=_START_SECONDS,
        ),
    ):
        yield Server(url, admin)


def _is_ready(admin: httpx.Client) -> bool:
    try:
        return admin.get("health").is_success
    except httpx.TransportError:
        return False


def _asked(entry: Mapping[str, Any]) -> Asked:
    return Asked(
        entry["method"],
        entry["url"],
        {name.lower(): value for name, value in entry["headers"].items()},
        entry["body"],
        datetime.fromtimestamp(entry["loggedDate"] / 1000, UTC),
    )
