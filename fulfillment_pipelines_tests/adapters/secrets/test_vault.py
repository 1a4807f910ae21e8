from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from pydantic import SecretStr

from fulfillment_pipelines.errors import ConfigurationError, SystemDownError
from fulfillment_pipelines.loop.platform import references_of
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.systems.declaration import Reference
from fulfillment_pipelines.systems.distributor import load_distributor
from fulfillment_pipelines.systems.transports.vault import VaultAddress, VaultSecrets

SMALL = Path(__file__).parents[2] / "small_distributor"

VaultServer: TypeAlias = Any
"""The class of that name in `conftest.py`, which pytest's import mode keeps from being imported."""


class Seconds:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def secrets(vault: VaultServer, seconds: Seconds | None = None, **more: Any) -> VaultSecrets:
    told = {"url": vault.url, "mount": "secret", "entry": "fulfillment", "token": SecretStr(vault.token)}
    return VaultSecrets(VaultAddress(**(told | more)), monotonic=seconds or Seconds())


def value(source: VaultSecrets, name: str = "ERP_KEY") -> str | None:
    found = source.find(name)
    return found.get_secret_value() if found is not None else None


def test_value_is_read_from_the_entry_with_token_and_namespace(vault: VaultServer) -> None:
    vault.values = {"ERP_KEY": "hunter2", "EMPTY": "", "NUMBER": 7}
    source = secrets(vault, namespace="warehouse")
    assert [value(source, name) for name in ("ERP_KEY", "EMPTY", "NUMBER", "OTHER")] == ["hunter2", None, None, None]
    ((path, headers),) = vault.asked
    assert path == "/v1/secret/data/fulfillment"
    assert (headers["X-Vault-Token"], headers["X-Vault-Namespace"]) == (vault.token, "warehouse")


@pytest.mark.parametrize(("lease_seconds", "kept_seconds"), [(0, 60), (300, 300)])
def test_values_count_for_their_lease_and_a_rotated_one_from_then_on(
    vault: VaultServer, lease_seconds: int, kept_seconds: int
) -> None:
    seconds = Seconds()
    vault.values, vault.lease_seconds = {"ERP_KEY": "old"}, lease_seconds
    source = secrets(vault, seconds)
    assert value(source) == "old"
    vault.values = {"ERP_KEY": "new"}
    seconds.now += kept_seconds - 1
    assert value(source) == "old"
    assert len(vault.asked) == 1
    seconds.now += 1
    assert value(source) == "new"


def test_without_a_cache_a_rotated_value_counts_with_the_next_connection(vault: VaultServer) -> None:
    source = secrets(vault, cache_seconds=0)
    for rotated in ("one", "two"):
        vault.values = {"ERP_KEY": rotated}
        assert value(source) == rotated


def test_token_of_an_agent_is_read_anew_for_every_request(vault: VaultServer, tmp_path: Path) -> None:
    vault.values = {"ERP_KEY": "hunter2"}
    file = tmp_path / "token"
    source = secrets(vault, token=None, token_file=file, cache_seconds=0)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        value(source)
    for token in ("first", "renewed"):
        file.write_text(f"{token}\n", encoding="utf-8")
        vault.token = token
        assert value(source) == "hunter2"


def test_entry_that_is_not_there_has_no_values(vault: VaultServer) -> None:
    vault.values = None
    assert value(secrets(vault)) is None


def test_sealed_or_absent_manager_is_down_and_asked_again_next_time(vault: VaultServer) -> None:
    source = secrets(vault)
    vault.sealed = True
    with pytest.raises(SystemDownError, match="HTTP 503"):
        value(source)
    vault.sealed, vault.values = False, {"ERP_KEY": "hunter2"}
    assert value(source) == "hunter2"
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(SystemDownError, match="ConnectError"):
        value(secrets(vault, url=f"http://127.0.0.1:{port}"))


def test_refused_token_is_a_matter_of_configuration_and_not_shown(vault: VaultServer) -> None:
    source = secrets(vault, token=SecretStr("hunter3"))
    with pytest.raises(ConfigurationError, match="HTTP 403") as raised:
        value(source)
    assert "hunter3" not in f"{raised.value} {source!r} {source._address!r}"


@pytest.mark.parametrize(
    "answer", [b"hunter2", b'["hunter2"]', b'{"data": "hunter2"}', b'{"data": {"data": "hunter2"}}']
)
def test_answer_of_something_else_is_refused_without_being_shown(vault: VaultServer, answer: bytes) -> None:
    vault.answer = answer
    with pytest.raises(ConfigurationError, match="version 2") as raised:
        value(secrets(vault))
    assert "hunter2" not in f"{raised.value} {raised.value.__cause__!r}"


@pytest.mark.parametrize("url", ["http://vault.example", "vault.example", "ftp://127.0.0.1", "http://[broken"])
def test_secrets_cross_no_network_in_the_clear(vault: VaultServer, url: str) -> None:
    with pytest.raises(ConfigurationError, match="https"):
        secrets(vault, url=url)
    assert secrets(vault, url="https://vault.example").find is not None


def test_one_token_is_needed(vault: VaultServer, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="neither"):
        secrets(vault, token=None)
    with pytest.raises(ConfigurationError, match="both"):
        secrets(vault, token_file=tmp_path / "token")


def test_settings_say_where_secrets_are_looked_for_and_the_manager_is_asked_last(
    vault: VaultServer, tmp_path: Path
) -> None:
    (tmp_path / "BOTH").write_text("folder", encoding="utf-8")
    vault.values = {"BOTH": "manager", "MANAGED": "manager"}
    settings = Settings(secrets_directories=(tmp_path,), vault_address=vault.url, vault_token=SecretStr(vault.token))
    assert vault.token not in repr(settings)
    references = references_of(settings, load_distributor(SMALL / "distributor.yaml", tmp_path))

    def resolved(name: str) -> str:
        return references.resolve(Reference(ref=name), system="erp").get_secret_value()

    assert resolved("BOTH") == "folder"
    assert vault.asked == []
    assert resolved("MANAGED") == "manager"
    with pytest.raises(ConfigurationError, match="vault kv patch -mount=secret fulfillment ABSENT=…"):
        resolved("ABSENT")
