"""What the engine says when Spark cannot do what it is asked."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from pyarrow import fs

from fulfillment_pipelines.engines import SparkEngine, exchange_in
from fulfillment_pipelines.errors import ConfigurationError, RetryableError
from fulfillment_pipelines.sql_models import SqlModel
from fulfillment_pipelines.warehouse import Warehouse, scratch


def _model(body: str) -> SqlModel:
    return SqlModel("rec_lines", {}, body, Path("rec_lines.sql"))


def test_a_model_that_spark_cannot_run_is_named_with_the_reason(spark_engine: SparkEngine) -> None:
    warehouse = scratch()
    with warehouse.reading() as cursor, spark_engine.running(cursor) as selecting:
        cursor.execute("create or replace temp table canon_lines as select 1 as line_no")
        with pytest.raises(ConfigurationError, match=r"rec_lines\.sql does not run on Spark.*no_such_column"):
            selecting(_model("select no_such_column from canon_lines"), {})
    warehouse.close()


def test_a_table_that_is_written_again_is_shown_again(spark_engine: SparkEngine) -> None:
    warehouse = scratch()
    found = []
    with warehouse.reading() as cursor, spark_engine.running(cursor) as selecting:
        cursor.execute("create or replace temp table rec_lines as select 1 as line_no")
        for _ in range(3):
            select = selecting(_model("select line_no + 1 as line_no from rec_lines"), {})
            cursor.execute("create or replace temp table rec_lines as " + select.statement)
            found += cursor.execute("select line_no from rec_lines").fetchall()
    warehouse.close()
    assert found == [(2,), (3,), (4,)]


def test_the_extra_is_named_where_the_client_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    warehouse = scratch()
    engine = SparkEngine("sc://spark.example.test", exchange_in(str(tmp_path), fs.LocalFileSystem()))
    with (
        warehouse.reading() as cursor,
        pytest.raises(ConfigurationError, match="extra `spark`"),
        engine.running(cursor),
    ):
        pass
    warehouse.close()


@pytest.mark.usefixtures("spark_session")  # skips where no client is installed
def test_a_server_that_is_not_there_is_asked_again_later(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"sc://127.0.0.1:{taken.getsockname()[1]}"
        engine = SparkEngine(url, exchange_in(str(tmp_path), fs.LocalFileSystem()))
        warehouse = scratch()
        with (
            warehouse.reading() as cursor,
            pytest.raises(RetryableError, match="does not answer"),
            engine.running(cursor),
        ):
            pass
        warehouse.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*RETRIES_EXCEEDED")
def test_a_server_that_is_lost_during_a_run_is_asked_again_later(tmp_path: Path) -> None:
    sail = pytest.importorskip("pysail.spark", reason="Sail is not installed")
    server = sail.SparkConnectServer()
    server.start(background=True)
    host, port = server.listening_address
    engine = SparkEngine(f"sc://{host}:{port}", exchange_in(str(tmp_path), fs.LocalFileSystem()))

    def lose_the_server(warehouse: Warehouse) -> None:
        with warehouse.reading() as cursor, engine.running(cursor) as selecting:
            server.stop()
            selecting(_model("select 1 as line_no"), {})

    warehouse = scratch()
    with pytest.raises(RetryableError, match="was lost while it worked out rec_lines"):
        lose_the_server(warehouse)
    warehouse.close()
    assert list((tmp_path / "exchange").iterdir()) == []
