from __future__ import annotations

from collections.abc import Mapping

import pytest
from pydantic import SecretStr

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.stores.object_store import FindSecret, ObjectStore

KEYS = {"OBJECT_STORE_ACCESS_KEY": "AKIATEST", "OBJECT_STORE_SECRET_KEY": "hunter2"}


def _secrets(values: Mapping[str, str]) -> FindSecret:
    return lambda name: SecretStr(values[name]) if name in values else None


def test_a_store_that_is_not_amazons_is_asked_at_its_own_address() -> None:
    store = ObjectStore(_secrets(KEYS), endpoint="http://127.0.0.1:9000", path_style=True)

    parameters = store.duckdb_secret("s3://lake/files").parameters

    assert parameters == {
        "scope": "s3://lake/files",
        "url_style": "path",
        "endpoint": "127.0.0.1:9000",
        "use_ssl": False,
        "region": "us-east-1",
        "key_id": "AKIATEST",
        "secret": "hunter2",
    }


def test_amazons_store_is_asked_in_the_region_of_the_bucket_with_the_token_of_the_session() -> None:
    store = ObjectStore(_secrets(KEYS | {"OBJECT_STORE_SESSION_TOKEN": "for an hour"}), region="eu-central-1")

    parameters = store.duckdb_secret("s3://lake").parameters

    assert (parameters["region"], parameters["session_token"]) == ("eu-central-1", "for an hour")
    assert "endpoint" not in parameters


def test_without_keys_the_role_of_the_machine_counts() -> None:
    secret = ObjectStore(_secrets({})).duckdb_secret("s3://lake")

    assert secret.parameters["provider"] == "credential_chain"
    assert secret.extensions == ("httpfs", "aws")


def test_half_of_the_keys_is_a_mistake_and_not_the_role_of_the_machine() -> None:
    with pytest.raises(ConfigurationError, match="only OBJECT_STORE_SECRET_KEY"):
        ObjectStore(_secrets({"OBJECT_STORE_SECRET_KEY": "hunter2"})).credentials()


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "ftp://store", "http://key:hunter2@store"])
def test_an_endpoint_that_is_no_address_is_refused_and_not_repeated(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="FULFILLMENT_OBJECT_STORE_ENDPOINT") as caught:
        ObjectStore(_secrets(KEYS), endpoint=endpoint).for_arrow()

    assert endpoint not in str(caught.value)


def test_no_key_is_shown() -> None:
    store = ObjectStore(_secrets(KEYS))

    assert "hunter2" not in repr(store) + repr(store.credentials()) + repr(store.duckdb_secret("s3://lake"))


def test_a_missing_extension_says_how_it_is_installed() -> None:
    secret = ObjectStore(_secrets(KEYS)).duckdb_secret("s3://lake")

    error = secret.not_installed(ModuleNotFoundError("no", name="duckdb_extension_httpfs"))

    assert "duckdb-extension-httpfs" in str(error)
    assert "fulfillment-pipelines[s3]" in str(error)
