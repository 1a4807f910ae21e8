from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest

from fulfillment_pipelines.errors import ConfigurationError, SystemDownError
from fulfillment_pipelines.twin.systems import postgres
from fulfillment_pipelines.twin.systems.postgres import PostgresServer


def _answer(server: PostgresServer) -> int:
    with psycopg.connect(server.client_url("books").replace("+psycopg", "")) as connection:
        row = connection.execute("select 1").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user for the server")
def test_a_server_starts_although_its_user_cannot_reach_the_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_open_to_others", lambda _: False)
    with PostgresServer(("books",)) as server:
        assert _answer(server) == 1


def test_closing_a_server_removes_its_directory_and_may_be_repeated() -> None:
    server = PostgresServer(("books",))
    home = server._home
    assert _answer(server) == 1
    server.close()
    server.close()
    assert not home.exists()


def test_a_missing_installation_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match="fulfillment-pipelines\\[twin\\]"):
        PostgresServer(("books",))


def test_a_server_that_cannot_start_says_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_SETTINGS", "shared_buffers = nonsense\n")
    with pytest.raises(SystemDownError, match="invalid value for parameter"):
        PostgresServer(("books",))


def test_an_installation_below_a_private_directory_is_not_open_to_others(tmp_path: Path) -> None:
    private = tmp_path / "private"
    (private / "bin").mkdir(parents=True)
    private.chmod(0o700)
    assert not postgres._open_to_others(private / "bin")
