"""Which engine the settings choose, and what is said when they do not fit together."""

from __future__ import annotations

from pathlib import Path

import pytest

from fulfillment_pipelines.engines import DuckDbEngine, SparkEngine
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.loop.engine_choice import chosen_engine
from fulfillment_pipelines.settings import EngineKind, Settings
from fulfillment_pipelines.stores.object_store import ObjectStore

_STORE = ObjectStore(lambda _: None)


def test_duckdb_is_the_engine_unless_another_is_chosen(tmp_path: Path) -> None:
    assert isinstance(chosen_engine(Settings(), str(tmp_path), _STORE), DuckDbEngine)


def test_spark_is_chosen_by_its_name_and_the_address_of_its_server(tmp_path: Path) -> None:
    settings = Settings(engine=EngineKind.SPARK, spark_url="sc://spark.example.test:15002")
    assert isinstance(chosen_engine(settings, str(tmp_path), _STORE), SparkEngine)


def test_spark_without_a_server_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no server is named"):
        chosen_engine(Settings(engine=EngineKind.SPARK), str(tmp_path), _STORE)
