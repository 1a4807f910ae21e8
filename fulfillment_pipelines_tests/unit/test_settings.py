from __future__ import annotations

import os
from pathlib import Path

import pytest

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.settings import read_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("FULFILLMENT_"):
            monkeypatch.delenv(name)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "sql").mkdir()
    monkeypatch.setenv("FULFILLMENT_PROJECT_ROOT", str(tmp_path))
    return tmp_path


def test_defaults_lie_below_the_folder_that_holds_sql_and_data() -> None:
    settings = read_settings()
    assert (settings.project_root / "sql").is_dir()
    assert settings.runtime_dir == settings.project_root / "data" / "runtime"
    assert settings.config == settings.project_root / "data" / "seeds" / "distributor.yaml"
    assert settings.config.is_file()


def test_relative_folder_lies_below_the_project(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FULFILLMENT_RUNTIME_DIR", "elsewhere")
    assert read_settings().runtime_dir == root / "elsewhere"


def test_stores_are_left_to_each_distributor_unless_they_are_set() -> None:
    settings = read_settings()
    assert (settings.lake_catalog, settings.lake_data_url, settings.ledger_url) == (None, None, None)


def test_environment_overrides_every_default(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CONFIG": "/etc/acme.yaml",
        "LEDGER_URL": "postgresql+psycopg://us:pw@db/ledger",
        "LAKE_CATALOG": "postgres:dbname=lake",
        "LAKE_DATA_URL": "s3://lake/acme",
        "ENGINE": "spark",
        "SPARK_URL": "sc://spark:15002",
        "DUCKDB_MEMORY_LIMIT": "512MiB",
        "DUCKDB_THREADS": "3",
        "DUCKDB_VERIFY_EXTENSIONS": "false",
        "REFERENCES_FILES": os.pathsep.join(["one.env", "/run/two.env"]),
    }.items():
        monkeypatch.setenv(f"FULFILLMENT_{name}", value)
    settings = read_settings()
    assert settings.config == Path("/etc/acme.yaml")
    assert settings.ledger_url == "postgresql+psycopg://us:pw@db/ledger"
    assert settings.lake_catalog == "postgres:dbname=lake"
    assert settings.lake_data_url == "s3://lake/acme"
    assert (settings.engine, settings.spark_url) == ("spark", "sc://spark:15002")
    assert (settings.duckdb_memory_limit, settings.duckdb_threads) == ("512MiB", 3)
    assert settings.duckdb_verify_extensions is False
    assert settings.references_files == (root / "one.env", Path("/run/two.env"))


def test_passwords_in_urls_are_not_shown(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FULFILLMENT_LEDGER_URL", "postgresql+psycopg://us:hunter2@db/ledger")
    settings = read_settings()
    assert settings.project_root == root
    assert "hunter2" not in f"{settings} {settings!r}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DUCKDB_THREADS", "many"),
        ("DUCKDB_THREADS", "0"),
        ("DUCKDB_MEMORY_LIMIT", "lots"),
        ("ENGINE", "polars"),
        ("DUCKDB_MEMORY_LIMIT", "4"),
    ],
)
@pytest.mark.usefixtures("root")
def test_malformed_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"FULFILLMENT_{name}", value)
    with pytest.raises(ConfigurationError, match=f"FULFILLMENT_{name} is malformed") as raised:
        read_settings()
    assert raised.value.found == repr(value)


@pytest.mark.usefixtures("root")
def test_malformed_address_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FULFILLMENT_LAKE_CATALOG", "mysql:password=hunter2")
    with pytest.raises(ConfigurationError, match="FULFILLMENT_LAKE_CATALOG is malformed") as raised:
        read_settings()
    assert "hunter2" not in f"{raised.value} {raised.value.__cause__}"


@pytest.mark.parametrize(
    ("lake", "landing"),
    [
        ("s3://bucket/lake", "s3://bucket/lake/landing"),
        ("s3://bucket", "s3://bucket/landing"),
        ("s3://bucket/landing/lake", "s3://bucket/landing/"),
        ("s3://bucket/both/", "s3://bucket/both"),
    ],
)
@pytest.mark.usefixtures("root")
def test_landed_files_within_the_lake_are_refused(monkeypatch: pytest.MonkeyPatch, lake: str, landing: str) -> None:
    monkeypatch.setenv("FULFILLMENT_LAKE_DATA_URL", lake)
    monkeypatch.setenv("FULFILLMENT_LANDING_URL", landing)
    with pytest.raises(ConfigurationError, match="lie within each other"):
        read_settings()


@pytest.mark.usefixtures("root")
def test_landed_files_beside_the_lake_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FULFILLMENT_LAKE_DATA_URL", "s3://bucket/lake")
    monkeypatch.setenv("FULFILLMENT_LANDING_URL", "s3://bucket/lake-landing")
    assert read_settings().landing_url == "s3://bucket/lake-landing"


def test_unknown_variable_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FULFILLMENT_LEGDER_URL", "sqlite://")
    with pytest.raises(ConfigurationError, match="FULFILLMENT_LEGDER_URL") as raised:
        read_settings()
    assert "FULFILLMENT_LEDGER_URL" in raised.value.expected


def test_folder_that_is_not_the_project_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FULFILLMENT_PROJECT_ROOT", str(tmp_path))
    with pytest.raises(ConfigurationError, match="is not the project's folder"):
        read_settings()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read_settings().duckdb_threads = 9
