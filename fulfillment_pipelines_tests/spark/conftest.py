"""One Spark Connect server and one session for all tests here: Sail in this process, or the server that is named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fulfillment_pipelines.canonical.reference import FeedReference, ReferenceData, read_nodes, read_unit_conversions
from fulfillment_pipelines.engines import SparkEngine, exchange_in
from fulfillment_pipelines.engines.spark import opened_session
from fulfillment_pipelines.exceptions.seeds import read_calendars
from fulfillment_pipelines.reconcile.tolerances import Tolerances, read_tolerances
from fulfillment_pipelines_tests.spark.comparing import ComparingEngine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).parents[2]
SERVER = "SPARK_TEST_URL"
"""Names a server that runs already, such as Apache Spark's; without it the tests start Sail."""


@pytest.fixture(scope="session")
def spark_url() -> Iterator[str]:
    """The address of the server."""
    if named := os.environ.get(SERVER):
        yield named
        return
    sail = pytest.importorskip("pysail.spark", reason="Sail is not installed")
    server = sail.SparkConnectServer()
    server.start(background=True)
    host, port = server.listening_address
    yield f"sc://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def spark_session(spark_url: str) -> Iterator[SparkSession]:
    """A session of the server, as the product opens it."""
    with opened_session(spark_url) as session:
        yield session


@pytest.fixture
def spark_engine(spark_url: str, spark_session: SparkSession, tmp_path: Path) -> SparkEngine:
    """The engine of the product, on the session that all tests share."""
    from pyarrow import fs  # noqa: PLC0415 - only where a server was found

    exchange = exchange_in(str(tmp_path), fs.LocalFileSystem())
    return SparkEngine(spark_url, exchange, lambda _: nullcontext(spark_session))


@pytest.fixture
def comparing(spark_engine: SparkEngine) -> ComparingEngine:
    return ComparingEngine(spark_engine)


@pytest.fixture(scope="session")
def sql_folder() -> Path:
    return ROOT / "sql"


@pytest.fixture(scope="session")
def seeds() -> Path:
    return ROOT / "data" / "seeds"


@pytest.fixture(scope="session")
def tolerances(seeds: Path) -> Tolerances:
    return read_tolerances(seeds / "tolerances.yaml")


@pytest.fixture(scope="session")
def reference(seeds: Path) -> ReferenceData:
    """The shipped seeds, and two declared feeds: one for all sites, one for the eastern."""
    return ReferenceData(
        nodes=read_nodes(seeds / "nodes.yaml"),
        units=read_unit_conversions(seeds / "unit_conversions.csv"),
        calendars=read_calendars(seeds / "calendars.yaml"),
        feeds=(
            FeedReference("erp", "orders", "orders", "erp", "", 3600),
            FeedReference("wms_east", "shipments", "shipment_lines", "wms", "EAST", 900),
        ),
    )
