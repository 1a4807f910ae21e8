"""Run the selects of a full reconcile on a Spark Connect server: Apache Spark, or Sail.

The only module that imports PySpark, and only when a run begins. Tables reach the server as Parquet through
`exchange`; rows come back as Arrow, and the run writes them like any others. The words belong to `spark_sql`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from fulfillment_pipelines.engines.exchange import Exchange, ExchangeFolder
from fulfillment_pipelines.engines.port import Select, Selecting
from fulfillment_pipelines.engines.spark_sql import spark_statement
from fulfillment_pipelines.errors import ConfigurationError, RetryableError
from fulfillment_pipelines.sql_models import SqlModel
from fulfillment_pipelines.warehouse import Connection

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

OpenSession: TypeAlias = "Callable[[str], AbstractContextManager[SparkSession]]"
"""Opens a session at the server of a URL, for the length of a block."""

_ROWS: Final = "engine_rows"
_ATTEMPTS: Final = 4
_SESSION: Final[Mapping[str, str]] = {
    "spark.sql.session.timeZone": "UTC",
    # A product of decimals keeps its scale, as in DuckDB, instead of rounding to six places where it might not fit.
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    # What does not fit its type is an error, as in DuckDB, and not a null.
    "spark.sql.ansi.enabled": "true",
}


class SparkEngine:
    """Works models out on a Spark Connect server.

    Args:
        server_url: `sc://host:port`.
        exchange: A folder that this process and the server see under the same name.
        open_session: Opens a session at the server; each run has its own, since a server forgets those that rest.
    """

    def __init__(self, server_url: str, exchange: Exchange, open_session: OpenSession | None = None) -> None:
        self._server_url = server_url
        self._exchange = exchange
        self._open_session = open_session or opened_session

    @contextmanager
    def running(self, transaction: Connection) -> Iterator[Selecting]:
        """Work, within the block, on the tables as one transaction of the lake sees them.

        Args:
            transaction: The lake's cursor within the run's transaction.

        Raises:
            ConfigurationError: PySpark is not installed, or a model does not run on Spark.
            RetryableError: The server cannot be reached, or what it was shown cannot be removed.
        """
        with self._open_session(self._server_url) as session, self._exchange.opened() as folder:
            yield _Run(session, folder, transaction)
            transaction.unregister(_ROWS)


class _Run:
    """One run: the tables shown to the server so far, and the models worked out there."""

    def __init__(self, session: SparkSession, folder: ExchangeFolder, transaction: Connection) -> None:
        self._session = session
        self._folder = folder
        self._transaction = transaction
        self._shown: set[str] = set()

    def __call__(self, model: SqlModel, parameters: Mapping[str, Any]) -> Select:
        statement = spark_statement(model.body, parameters)
        rows = _answer(self, model, statement)
        # The table that the caller makes of these rows is another than the one shown before, if it was.
        self._shown.discard(model.name)
        self._transaction.register(_ROWS, rows)
        return Select(f"from {_ROWS}")

    def rows(self, model: SqlModel, statement: str) -> pa.Table:
        """Show what the model reads and was not shown yet, and run it."""
        for table in sorted(model.tables - self._shown):
            file = self._folder.put(self._transaction, table)
            self._session.read.parquet(file).createOrReplaceTempView(table)
            self._shown.add(table)
        return self._session.sql(statement).toArrow()


@contextmanager
def opened_session(server_url: str) -> Iterator[SparkSession]:
    """Give a session that speaks like DuckDB wherever a setting decides, and stop it after the block.

    Args:
        server_url: `sc://host:port`.

    Raises:
        ConfigurationError: PySpark is not installed.
        RetryableError: The server cannot be reached.
    """
    session = _session(server_url)
    try:
        yield session
    finally:
        session.stop()


def _session(server_url: str) -> SparkSession:
    with warnings.catch_warnings():
        # Only Arrow passes between here and the server, so that it does not matter which pandas is installed.
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
        warnings.filterwarnings("ignore", message=r"\[RETRIES_EXCEEDED\]")  # the error says so
        return _new_session(server_url)


def _new_session(server_url: str) -> SparkSession:
    try:
        from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra, asked for by a setting
        from pyspark.sql import SparkSession  # noqa: PLC0415 - of the same extra
        from pyspark.sql.connect.client.retries import DefaultPolicy  # noqa: PLC0415 - of the same extra
    except ImportError as error:
        raise ConfigurationError(
            "The engine is Spark, and its client is not installed.",
            expected="PySpark's client and pandas",
            found=str(error),
            remedy="install the extra `spark`, or unset FULFILLMENT_ENGINE",
        ) from error
    try:
        session = SparkSession.builder.remote(server_url).create()
        # The client's own patience is minutes; a run that finds no server is simply run again later.
        session.client.set_retry_policies([DefaultPolicy(max_retries=_ATTEMPTS)])
        for name, value in _SESSION.items():
            session.conf.set(name, value)
    except PySparkException as error:
        raise RetryableError(
            "The Spark server does not answer.",
            expected="a Spark Connect server",
            found=type(error).__name__,
            remedy="start it, or correct FULFILLMENT_SPARK_URL; docs/spark.md shows both",
        ) from error
    return session


def _answer(run: _Run, model: SqlModel, statement: str) -> pa.Table:
    from pyspark.errors import PySparkException  # noqa: PLC0415 - the session was opened with it

    try:
        return run.rows(model, statement)
    except PySparkException as error:
        if _is_lost(error):
            raise RetryableError(
                f"The Spark server was lost while it worked out {model.name}.",
                expected="a server that stays for the length of a run",
                found=type(error).__name__,
                remedy="nothing was written; run again once the server answers",
            ) from error
        raise ConfigurationError(
            f"{model.path.name} does not run on Spark.",
            expected="a select in the subset of docs/spark.md, over tables that the server can read",
            found=_first_line(error),
            remedy="correct the SQL, or the folder that both see; `make test-spark` runs every model on its own rows",
        ) from error


def _is_lost(error: Exception) -> bool:
    """Whether the connection failed, and not the statement."""
    status = getattr(error, "getGrpcStatusCode", None)
    return status is not None and status().name == "UNAVAILABLE"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
