"""A full run writes only the canonical tables whose feeds have brought something, and of those no more than it must."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.canonical.models import CanonicalModels
from fulfillment_pipelines.canonical.reference import FeedReference
from fulfillment_pipelines.canonical.row_checks import empty_select
from fulfillment_pipelines.sql_models import read_models
from fulfillment_pipelines.warehouse import Connection, ensure_table, lake_tables, scratch

_SQL = Path(__file__).parents[2] / "sql"
_FEED = FeedReference("erp", "orders", "orders", "erp", "", 3_600)
_FEW, _MANY = 2, 30
_ALL = 60
# What a run has not written stays as it was spoilt.
_SPOIL = "update lake.main.canon_orders set customer_id = 'SPOILT'"


@pytest.fixture
def lake() -> Iterator[Connection]:
    """A lake with sixty orders in one feed, and its canonical tables."""
    warehouse = scratch()
    with warehouse.reading() as cursor:
        cursor.execute("create table memory.main.ref_units (sku varchar, uom varchar, base_qty decimal(18, 4))")
        cursor.execute((_SQL / "00_operations" / "ops_changed_keys.sql").read_text(encoding="utf-8"))
        ensure_table(cursor, "snap_erp__orders", empty_select(CONTRACTS["orders"]))
        cursor.execute(
            "insert into snap_erp__orders (source_key, order_id, customer_id) "
            "select 'SO-' || number, 'SO-' || number, 'C-1' from range(60) as numbers (number)"
        )
        _rebuild(cursor, is_current=False)
        cursor.execute(_SPOIL)
        yield cursor
    warehouse.close()


def _rebuild(cursor: Connection, *, is_current: bool = True) -> None:
    models = CanonicalModels(read_models(_SQL / "20_canonical"), [_FEED])
    models.rebuild(cursor, lake_tables(cursor), is_current=is_current)


def _note(cursor: Connection, *keys: str) -> None:
    for key in keys:
        cursor.execute(
            "insert into ops_changed_keys (snapshot_id, system, contract, source_key) values ('s', 'erp', 'orders', ?)",
            [key],
        )


def _written(cursor: Connection) -> int:
    row = cursor.execute("select count(*) from canon_orders where customer_id = 'C-1'").fetchone()
    return int(row[0]) if row else 0


def test_table_whose_feeds_brought_nothing_is_left_as_it_is(lake: Connection) -> None:
    _rebuild(lake)
    assert _written(lake) == 0


def test_few_rows_that_changed_are_replaced_and_no_others(lake: Connection) -> None:
    _note(lake, *(f"SO-{number}" for number in range(_FEW)))
    _rebuild(lake)
    assert _written(lake) == _FEW


def test_table_of_which_much_has_changed_is_made_anew(lake: Connection) -> None:
    _note(lake, *(f"SO-{number}" for number in range(_MANY)))
    _rebuild(lake)
    assert _written(lake) == _ALL


def test_table_whose_feed_came_in_whole_is_made_anew(lake: Connection) -> None:
    _note(lake, "*")
    _rebuild(lake)
    assert _written(lake) == _ALL


def test_every_table_is_made_anew_when_it_was_made_with_other_words(lake: Connection) -> None:
    _rebuild(lake, is_current=False)
    assert _written(lake) == _ALL
