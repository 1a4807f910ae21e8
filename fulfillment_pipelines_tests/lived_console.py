"""What tests of the console share: a distributor that has lived through three passes, and people who are signed in.

The world is made once in a test session, whichever process needs it first; each test has a ledger of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from filelock import FileLock

from fulfillment_pipelines.console.access.passwords import Passwords
from fulfillment_pipelines.console.access.signing_in import begin_session
from fulfillment_pipelines.console.app import create_app
from fulfillment_pipelines.console.composition import Console, build_console
from fulfillment_pipelines.settings import Settings

Visitor = Callable[[str], TestClient]

_CSRF = re.compile(r'<meta name="csrf-token" content="([^"]*)">')


@pytest.fixture(scope="session")
def lived_runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runtime folder of the simulated distributor after `fulfillment run --demo`; nothing is written into it."""
    mine = tmp_path_factory.getbasetemp()
    home = (mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine) / "lived_distributor"
    with FileLock(f"{home}.lock"):
        if not (home / "done").exists():
            command = [
                sys.executable,
                "-m",
                "fulfillment_pipelines.cli",
                "run",
                "--demo",
                "--no-expectations",
                "--json",
            ]
            environment = {**os.environ, "FULFILLMENT_RUNTIME_DIR": str(home)}
            subprocess.run(command, env=environment, check=True, capture_output=True, timeout=280)
            (home / "done").touch()
    return home


@pytest.fixture
def console(lived_runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """The console of that distributor, with a ledger of its own and passwords that are soon hashed."""
    ledger = shutil.copy(lived_runtime / "twin" / "ledger.sqlite", tmp_path / "ledger.sqlite")
    for name in [name for name in os.environ if name.startswith("FULFILLMENT_") and "EXTENSIONS" not in name]:
        monkeypatch.delenv(name)
    settings = Settings(runtime_dir=lived_runtime, ledger_url=f"sqlite:///{ledger}")
    settings = settings.model_copy(update={"config": settings.project_root / settings.config})
    with build_console(settings) as built:
        built.passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield built


@pytest.fixture
def visitor(console: Console) -> Iterator[Visitor]:
    """Return a function that gives a browser in which somebody is signed in, or nobody for an empty name."""
    app, opened = create_app(console), []

    def visit(person: str) -> TestClient:
        client = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
        opened.append(client)
        if person:
            now = console.machine_now()
            with console.deciding("test") as work:
                begun = begin_session(work, person, "password", policies=console.policies, now=now)
                work.commit()
            client.cookies.set(console.cookie_name, begun.secret, domain="127.0.0.1", path="/")
            client.headers["X-CSRF-Token"] = begun.session.csrf_token
        return client

    yield visit
    for client in opened:
        client.close()
