from __future__ import annotations

import pytest
from pydantic import SecretStr

from fulfillment_pipelines.errors import ConfigurationError, RetryableError
from fulfillment_pipelines.stores.postgres_catalog import PostgresCatalog

NOBODY_LISTENS = "host=127.0.0.1 port=1 dbname=lake user=lake"


def _of(catalog: str, reference: str | None = None) -> PostgresCatalog:
    return PostgresCatalog.of(catalog, lambda name: SecretStr(reference) if reference and name else None)


@pytest.mark.parametrize(
    "catalog",
    [
        "postgres:postgresql://lake:hunter2@db.example/lake?sslmode=require",
        "postgres:host=db.example user=lake dbname=lake password=hunter2 sslmode=require",
    ],
)
def test_the_password_is_taken_out_of_the_connection_string(catalog: str) -> None:
    found = _of(catalog)

    assert "hunter2" not in found.connection + repr(found)
    assert sorted(found.connection.split()) == ["dbname=lake", "host=db.example", "sslmode=require", "user=lake"]
    secret = found.duckdb_secret()
    assert secret is not None
    assert secret.parameters == {"password": "hunter2"}
    assert "hunter2" not in repr(secret)


def test_a_password_that_the_address_does_not_hold_is_a_reference() -> None:
    assert _of(f"postgres:{NOBODY_LISTENS}", "from a secret").password == SecretStr("from a secret")


def test_without_a_password_the_library_looks_for_its_own() -> None:
    assert _of(f"postgres:{NOBODY_LISTENS}").duckdb_secret() is None


def test_an_address_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError, match="FULFILLMENT_LAKE_CATALOG") as caught:
        _of("postgres:postgresql://lake:hunter2@db.example:%zz/lake")

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_server_that_does_not_answer_is_asked_again_later() -> None:
    with pytest.raises(RetryableError, match="cannot be reached") as caught:
        _of(f"postgres:{NOBODY_LISTENS}", "hunter2").connect()

    assert "hunter2" not in f"{caught.value} {caught.value.__cause__}"
