"""Which engine works out a full reconcile, as the settings say."""

from __future__ import annotations

from pyarrow import fs

from fulfillment_pipelines.engines import DuckDbEngine, Engine, SparkEngine, exchange_in
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.settings import EngineKind, Settings
from fulfillment_pipelines.stores.object_store import SCHEME, ObjectStore


def chosen_engine(settings: Settings, data_path: str, store: ObjectStore) -> Engine:
    """Return the engine of an installation; nothing is connected until a full run begins.

    Args:
        settings: What the environment says.
        data_path: Where the lake's files are; Spark reads what a run shows it in a folder within.
        store: The account at the object store, where the lake's files are in one.

    Raises:
        ConfigurationError: The engine is Spark, and no server is named.
    """
    if settings.engine is EngineKind.DUCKDB:
        return DuckDbEngine()
    if settings.spark_url is None:
        raise ConfigurationError(
            "The engine is Spark, and no server is named.",
            expected="the address of a Spark Connect server, such as sc://localhost:50051",
            found="no FULFILLMENT_SPARK_URL",
            remedy="set it, or unset FULFILLMENT_ENGINE",
        )
    files = store.for_arrow() if data_path.startswith(SCHEME) else fs.LocalFileSystem()
    return SparkEngine(settings.spark_url, exchange_in(data_path, files))
