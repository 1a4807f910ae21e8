"""What several machines share: a catalogue and a ledger in PostgreSQL, and a bucket. Real servers on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fulfillment_pipelines_tests.object_store_server import ObjectStore


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    server = ObjectStore()
    yield server
    server.end()


@pytest.fixture
def bucket(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """The server with the empty bucket `lake`, and its keys where this installation looks for them."""
    object_store.files.create_dir("lake")
    monkeypatch.setenv("OBJECT_STORE_ACCESS_KEY", object_store.access_key)
    monkeypatch.setenv("OBJECT_STORE_SECRET_KEY", object_store.secret_key)
    yield object_store
    object_store.files.delete_dir("lake")


@pytest.fixture
def catalog(postgres_database_url: str) -> str:
    """An empty database, as the setting of the lake's catalogue names one."""
    return "postgres:" + postgres_database_url.replace("+psycopg", "")
