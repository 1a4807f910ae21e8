"""Starts a Karrio: installed and migrated once into the cache, copied from there each time.

It runs on SQLite, does its work in its own process, and speaks to no carrier outside this machine.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from scripts.real_systems.installed import fingerprint, free_port, installed_from_pypi, made_once, run_to_end, running
from scripts.real_systems.karrio.api import Karrio
from scripts.real_systems.karrio.interpreter import python_of_karrio

USER = "admin@example.com"
PASSWORD = "only-on-loopback"  # noqa: S105 -- of a throw-away database that listens on this machine alone

_HERE = Path(__file__).parent
_DATABASE = "karrio.sqlite3"  # the suffix is Karrio's own
_MAKE_ADMINISTRATOR = (
    f"from django.contrib.auth import get_user_model; get_user_model().objects.create_superuser({USER!r}, {PASSWORD!r})"
)
_START_SECONDS = 180
_REQUEST_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A Karrio that runs.

    Attributes:
        url: Its address.
        karrio: A session of the administrator.
    """

    url: str
    karrio: Karrio


@contextlib.contextmanager
def started(home: Path) -> Iterator[Server]:
    """Run a Karrio with one carrier and without shipments for the length of the `with` block.

    Args:
        home: Folder for its database and its log.

    Raises:
        NotInstalledError: Python 3.12 or a package is missing, or the server did not come up.
    """
    requirements = _HERE / "requirements.txt"
    programs = installed_from_pypi("karrio", requirements, python=python_of_karrio()) / "bin"
    template = made_once(
        "karrio-template",
        fingerprint(requirements, _MAKE_ADMINISTRATOR, _HERE / "api.py"),
        lambda folder: _make_template(programs, folder),
    )
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(template / _DATABASE, home)
    with _serving(programs, home) as http:
        yield Server(str(http.base_url), Karrio(http, USER, PASSWORD))


def _make_template(programs: Path, folder: Path) -> None:
    karrio = str(programs / "karrio")
    run_to_end([karrio, "migrate"], folder=folder, environment=_settings(folder))
    run_to_end([karrio, "shell", "--command", _MAKE_ADMINISTRATOR], folder=folder, environment=_settings(folder))
    with _serving(programs, folder) as http:
        Karrio(http, USER, PASSWORD).connect_carrier()


@contextlib.contextmanager
def _serving(programs: Path, home: Path) -> Iterator[httpx.Client]:
    port = free_port()
    command = [str(programs / "uvicorn"), "karrio.server.asgi:application", "--host", "127.0.0.1", "--port", str(port)]
    with (
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_REQUEST_SECONDS, trust_env=False) as http,
        running(
            [*command, "--log-level", "warning"],
            log=home / "karrio.log",
            is_ready=lambda: _is_ready(http),
            folder=home,
            environment=_settings(home),
            seconds=_START_SECONDS,
        ),
    ):
        yield http


def _is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("/").is_success
    except httpx.TransportError:
        return False


def _settings(home: Path) -> Mapping[str, str]:
    return {
        "SECRET_KEY": PASSWORD,
        "DEBUG_MODE": "False",
        "WORK_DIR": str(home),
        "LOG_DIR": str(home),
        "LOG_LEVEL": "WARNING",
        "DATABASE_ENGINE": "sqlite3",
        "DATABASE_NAME": str(home / Path(_DATABASE).stem),
        "ALLOWED_HOSTS": "127.0.0.1",
        "USE_HTTPS": "False",
        "WORKER_IMMEDIATE_MODE": "True",
        "DETACHED_WORKER": "True",
        "ENABLE_ALL_PLUGINS_BY_DEFAULT": "True",
    }
