"""The lake as one process sees it: its connection, its tables, and a working copy for who works on it all the time.

`connecting` opens the lake and lets one writer in at a time; `tables` says how rows get into a table and out of it, and
`planning` how a run over all of them is planned; `working_copy` holds the lake's tables in the process, and `journal`
what was done to them and is still to be published.
What the tables mean belongs to the stages that write them, and how shared stores are reached to `stores`.
"""

from __future__ import annotations

from fulfillment_pipelines.warehouse.connecting import SCRATCH, Warehouse, scratch
from fulfillment_pipelines.warehouse.journal import Connection, SqlError
from fulfillment_pipelines.warehouse.planning import joining_as_written
from fulfillment_pipelines.warehouse.tables import (
    clear_rows,
    create_table,
    create_view,
    delete_rows,
    drop_table,
    ensure_table,
    insert_rows,
    lake_tables,
    query_rows,
    replace_rows,
    rows_in_files,
    scalar,
    stage_table,
)

__all__ = [
    "SCRATCH",
    "Connection",
    "SqlError",
    "Warehouse",
    "clear_rows",
    "create_table",
    "create_view",
    "delete_rows",
    "drop_table",
    "ensure_table",
    "insert_rows",
    "joining_as_written",
    "lake_tables",
    "query_rows",
    "replace_rows",
    "rows_in_files",
    "scalar",
    "scratch",
    "stage_table",
]
