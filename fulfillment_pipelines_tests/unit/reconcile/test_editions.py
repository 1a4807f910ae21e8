from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from fulfillment_pipelines.reconcile.editions import forget_outdated, is_current, keep_editions
from fulfillment_pipelines.warehouse import Connection, Warehouse, lake_tables, scratch

Editions = Mapping[str, str]
EDITIONS = {"canon_orders": "a", "rec_findings": "b", "tolerances": "c"}


@pytest.fixture
def lake() -> Iterator[Warehouse]:
    """A lake whose tables were made with `EDITIONS`."""
    warehouse = scratch()

    def make(transaction: Connection) -> None:
        transaction.execute("create table canon_orders as select 1 as order_id")
        transaction.execute("create table rec_findings as select 1 as code")
        forget_outdated(transaction, frozenset(), EDITIONS)
        keep_editions(transaction, frozenset())

    warehouse.write(make)
    yield warehouse
    warehouse.close()


def _remaining(lake: Warehouse, wanted: Editions) -> frozenset[str]:
    return lake.write(lambda transaction: forget_outdated(transaction, lake_tables(transaction), wanted))


def test_the_same_words_keep_every_table(lake: Warehouse) -> None:
    remaining = _remaining(lake, EDITIONS)
    assert remaining >= {"canon_orders", "rec_findings"}
    assert is_current(remaining)


def test_a_model_that_changed_has_its_table_dropped(lake: Warehouse) -> None:
    remaining = _remaining(lake, {**EDITIONS, "rec_findings": "other"})
    assert not is_current(remaining)
    assert "canon_orders" in remaining
    with lake.reading() as cursor:
        assert lake_tables(cursor) >= {"canon_orders"}
        assert "rec_findings" not in lake_tables(cursor)


@pytest.mark.parametrize(
    "wanted", [{**EDITIONS, "tolerances": "other"}, {**EDITIONS, "mart_new": "d"}, {"canon_orders": "a"}]
)
def test_another_tolerance_a_new_model_and_one_that_is_gone_ask_for_a_full_run(
    lake: Warehouse, wanted: Editions
) -> None:
    assert not is_current(_remaining(lake, wanted))


def test_a_lake_without_editions_asks_for_a_full_run() -> None:
    warehouse = scratch()
    assert not is_current(_remaining(warehouse, EDITIONS))
    warehouse.close()


def test_what_was_written_down_is_current_from_then_on(lake: Warehouse) -> None:
    wanted = {**EDITIONS, "tolerances": "other"}

    def renew(transaction: Connection) -> None:
        remaining = forget_outdated(transaction, lake_tables(transaction), wanted)
        keep_editions(transaction, remaining)

    lake.write(renew)
    assert is_current(_remaining(lake, wanted))
