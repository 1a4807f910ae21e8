"""What the tests of the contracts share: a stage without a lake, and rows put into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa
import pytest

from fulfillment_pipelines.canonical.expectations import Validator
from fulfillment_pipelines.canonical.row_checks import checking_select
from fulfillment_pipelines.canonical.vocabulary import Contract
from fulfillment_pipelines.warehouse import Warehouse, create_view, scratch

StageRows = Callable[[Contract, Sequence[Mapping[str, object]]], None]


@pytest.fixture(scope="session")
def stage() -> Iterator[Warehouse]:
    """A connection whose unit crosswalk knows EA for everything and CS for WIDGET only."""
    warehouse = scratch()
    with warehouse.reading() as cursor:
        cursor.execute("create table memory.main.ref_units (sku varchar, uom varchar, base_qty decimal(18, 4))")
        cursor.execute("insert into memory.main.ref_units values ('*', 'EA', 1), ('WIDGET', 'CS', 12)")
    yield warehouse
    warehouse.close()


@pytest.fixture(scope="session")
def stage_rows(stage: Warehouse) -> StageRows:
    """Put rows, given as the text a source would send, through the row pass into `checked_rows`."""

    def put(contract: Contract, rows: Sequence[Mapping[str, object]]) -> None:
        text = pa.string()
        columns = {column.name: pa.array([row.get(column.name) for row in rows], text) for column in contract.columns}
        numbers = pa.array(range(1, len(rows) + 1), pa.int64())
        with stage.reading() as cursor:
            cursor.register("sent", pa.table({"landed_row_no": numbers, **columns}))
            create_view(cursor, "mapped", "from sent")
            cursor.execute("create or replace table memory.main.checked_rows as " + checking_select(contract))

    return put


@pytest.fixture(scope="session")
def validator(stage: Warehouse) -> Iterator[Validator]:
    """One validator for the session, as in a running process."""
    with Validator(stage) as opened:
        yield opened
