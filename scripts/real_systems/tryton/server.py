"""Starts a Tryton, old or new: activated and filled once, kept as a template, copied at each start.

A Tryton is one process and one SQLite file. What its releases differ in stands in `Release`.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.real_systems.installed import fingerprint, free_port, made_once, run_to_end, running
from scripts.real_systems.tryton.json_rpc import Tryton

USER = "admin"
PASSWORD = "only-on-loopback"  # noqa: S105 -- of a throw-away database that listens on this machine alone
_LANGUAGE = "en"
_ANSWER_SECONDS = 5


@dataclass(frozen=True)
class Release:
    """One release of Tryton and what it is used for.

    Attributes:
        name: Of its folder in the cache.
        database: Name of its database.
        programs: Where `trytond` and `trytond-admin` are.
        interpreter: Python that runs them, with its options.
        environment: Variables they need.
        modules: What is activated; what these need is activated too.
        rpc_path: Where its methods are, below its address; `{database}` stands for the database.
        seed: Fills the activated database.
        sources: Files and folders that the template depends on.
        views: SQL file that its administrator runs, where somebody shall read it by SQL.
    """

    name: str
    database: str
    programs: Path
    interpreter: tuple[str, ...]
    environment: Mapping[str, str]
    modules: tuple[str, ...]
    rpc_path: str
    seed: Callable[[Tryton], None]
    sources: tuple[Path, ...]
    views: Path | None = None


@dataclass(frozen=True)
class Server:
    """A Tryton that runs.

    Attributes:
        url: Address of the methods of its database.
        database_file: Its SQLite file.
    """

    url: str
    database_file: Path

    @property
    def rest_url(self) -> str:
        """Address of its REST interface, which release 6.0 does not have."""
        return self.url.removesuffix("rpc/") + "rest/"

    def login(self) -> Tryton:
        """Return a session of the administrator."""
        return Tryton(self.url, USER, PASSWORD)


@contextlib.contextmanager
def started(release: Release, home: Path) -> Iterator[Server]:
    """Run a fresh copy of the filled system for the length of the `with` block.

    Args:
        release: What to run.
        home: Folder for its database, settings and log; made where it is not there.

    Raises:
        NotInstalledError: It cannot be activated or does not start.
    """
    template = _filled_template(release)
    home.mkdir(parents=True, exist_ok=True)
    for left in home.glob(f"{release.database}.sqlite*"):
        left.unlink()
    shutil.copy(template / f"{release.database}.sqlite", home)
    with _serving(release, home) as server:
        yield server


def rest_key(server: Server) -> str:
    """Return a new key of the application `rest` for the administrator: asked for, then confirmed by the user."""
    question = json.dumps({"user": USER, "application": "rest"}).encode()
    address = server.url.removesuffix("rpc/") + "r/user/application/"
    request = urllib.request.Request(address, question, {"content-type": "application/json"})  # noqa: S310 -- loopback address
    with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310 -- loopback address
        key: str = json.load(answer)
    tryton = server.login()
    asked = tryton.one("res.user.application", [["application", "=", "rest"], ["state", "=", "requested"]])
    tryton.press("res.user.application", "validate_", asked)
    return key


def _filled_template(release: Release) -> Path:
    """Return the folder with the activated and filled database; filling is repeated without activating anew."""
    activated_version = fingerprint(str(release.programs), *release.modules)

    def activate(folder: Path) -> None:
        (folder / f"{release.database}.sqlite").touch()
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        admin = [*_program(release, "trytond-admin"), "-c", str(_settings(release, folder, port=0))]
        admin += ["-d", release.database, "-u", *release.modules, "--activate-dependencies"]
        admin += ["--email", "admin@example.com", "-l", _LANGUAGE]
        run_to_end(admin, environment={**release.environment, "TRYTONPASSFILE": str(folder / "password")})

    def fill(folder: Path) -> None:
        activated = made_once(f"{release.name}-activated", activated_version, activate)
        shutil.copy(activated / f"{release.database}.sqlite", folder)
        with _serving(release, folder) as server:
            release.seed(server.login())
        _finish(folder / f"{release.database}.sqlite", release.views)

    return made_once(f"{release.name}-filled", fingerprint(activated_version, *release.sources), fill)


@contextlib.contextmanager
def _serving(release: Release, home: Path) -> Iterator[Server]:
    port = free_port()
    server = Server(
        url=f"http://127.0.0.1:{port}/{release.rpc_path.format(database=release.database)}",
        database_file=home / f"{release.database}.sqlite",
    )
    command = [*_program(release, "trytond"), "-c", str(_settings(release, home, port)), "-d", release.database]
    with running(
        command,
        log=home / f"{release.database}.log",
        is_ready=lambda: _answers(server.url),
        environment=release.environment,
    ):
        yield server


def _finish(database_file: Path, views: Path | None) -> None:
    """Make the views, and fold the write-ahead log into the file, so that the file alone can be copied."""
    with contextlib.closing(sqlite3.connect(database_file)) as connection:
        if views is not None:
            connection.executescript(views.read_text(encoding="utf-8"))
        connection.execute("pragma wal_checkpoint(truncate)")


def _program(release: Release, name: str) -> list[str]:
    return [*release.interpreter, str(release.programs / name)]


def _settings(release: Release, folder: Path, port: int) -> Path:
    """Write the configuration file and return it."""
    lines = ["[database]", "uri = sqlite://", f"path = {folder}", "list = True"]
    lines += ["[web]", f"listen = 127.0.0.1:{port}", "[session]", "authentications = password", ""]
    settings = folder / f"{release.database}.conf"
    settings.write_text("\n".join(lines), encoding="utf-8")
    return settings


def _answers(url: str) -> bool:
    """Return whether it speaks HTTP: without a session it refuses everything, and that is an answer."""
    try:
        urllib.request.urlopen(url, timeout=_ANSWER_SECONDS).close()  # noqa: S310 -- a loopback address of ours
    except urllib.error.HTTPError as refusal:
        refusal.close()
    return True
