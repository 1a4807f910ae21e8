"""Where the selects of a full reconcile run: in DuckDB, or on Spark over the same words.

`port` says what a run asks of an engine and holds DuckDB's answer; `spark` asks a Spark Connect server, in the words of
`spark_sql`; `exchange` is the folder that both sides see. What a model means belongs to `sql/`; who writes what comes
back belongs to `reconcile`.
"""

from __future__ import annotations

from fulfillment_pipelines.engines.exchange import Exchange, exchange_in
from fulfillment_pipelines.engines.port import DuckDbEngine, Engine, Select, Selecting, as_it_stands
from fulfillment_pipelines.engines.spark import SparkEngine

__all__ = ["DuckDbEngine", "Engine", "Exchange", "Select", "Selecting", "SparkEngine", "as_it_stands", "exchange_in"]
