"""How far a change reaches, as the models and rules that are given tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.reconcile.reach import Narrowing, Reach
from fulfillment_pipelines.reconcile.rules import ScopeKind
from fulfillment_pipelines.sql_models import SqlModel, in_reading_order, read_model

ModelMaker = Callable[..., SqlModel]
EVERYTHING = frozenset("canon_" + name for name in CONTRACTS)


@pytest.fixture
def model(tmp_path: Path) -> ModelMaker:
    """Return a function that makes a model of a scope that reads these tables."""

    def make(name: str, scope: str, *tables: str, columns: str = "scope_key", after: str = "") -> SqlModel:
        joins = "".join(f" cross join {table}" for table in tables[1:])
        header = f"-- scope: {scope}\n" + (f"-- after: {after}\n" if after else "")
        path = tmp_path / f"{name}.sql"
        path.write_text(f"{header}select {columns} from {tables[0]}{joins}\n", encoding="utf-8")
        return read_model(path)

    return make


def _reach(*models: SqlModel, spoken: frozenset[str] = EVERYTHING) -> Reach:
    return Reach(models, (), spoken)


def test_models_are_made_behind_those_they_read_or_say_they_are_after(model: ModelMaker) -> None:
    last = model("rec_a", "order", "rec_b", "canon_orders")
    first = model("rec_c", "order", "canon_orders")
    between = model("rec_b", "order", "canon_orders", after="rec_c")
    assert [one.name for one in in_reading_order([last, between, first])] == ["rec_c", "rec_b", "rec_a"]


def test_models_that_read_each_other_in_a_circle_are_refused(model: ModelMaker) -> None:
    with pytest.raises(ConfigurationError, match="circle"):
        in_reading_order([model("rec_a", "order", "rec_b"), model("rec_b", "order", "rec_a")])


def test_master_data_concern_orders_only_where_a_rule_about_orders_reads_them(model: ModelMaker) -> None:
    assert _reach(model("rec_a", "order", "canon_orders")).reached_through("customer_id") == frozenset()
    reading = _reach(model("rec_a", "order", "canon_orders", "canon_customers", "canon_items"))
    assert reading.reached_through("customer_id") == {"customers"}
    assert reading.reached_through("sku") == {"items"}


def test_what_no_feed_speaks_of_concerns_nobody(model: ModelMaker) -> None:
    silent = _reach(model("rec_a", "order", "canon_customers", "canon_transports"), spoken=frozenset({"canon_orders"}))
    assert silent.reached_through("customer_id") == frozenset()
    assert silent.narrowings(ScopeKind.ORDER, ["canon_customers", "canon_transports"]) == ()


def test_tables_without_the_key_are_narrowed_through_the_rows_that_have_it(model: ModelMaker) -> None:
    reach = _reach(model("rec_a", "order", "canon_orders"))
    assert reach.narrowings(ScopeKind.ORDER, ["canon_transports", "canon_order_lines"]) == (
        Narrowing("canon_order_lines", "order_id", "", keeps_unkeyed=False),
        Narrowing("canon_shipment_lines", "order_id", "", keeps_unkeyed=False),
        Narrowing("canon_transports", "", "shipment_id", keeps_unkeyed=False),
    )
    assert reach.narrowings(ScopeKind.CUSTOMER, ["canon_order_lines"]) == (
        Narrowing("canon_orders", "customer_id", "", keeps_unkeyed=False),
        Narrowing("canon_order_lines", "", "order_id", keeps_unkeyed=False),
    )


def test_rows_that_name_no_order_are_shown_to_rules_about_orders(model: ModelMaker) -> None:
    (invoices,) = _reach(model("rec_a", "order", "canon_orders")).narrowings(ScopeKind.ORDER, ["canon_invoice_lines"])
    assert invoices == Narrowing("canon_invoice_lines", "order_id", "", keeps_unkeyed=True)


def test_rules_about_stock_follow_orders_where_they_read_what_names_no_item(model: ModelMaker) -> None:
    assert not _reach(model("rec_a", "stock", "canon_stock_levels", "canon_order_lines")).stock_follows_orders()
    assert _reach(model("rec_a", "stock", "canon_stock_levels", "canon_holds")).stock_follows_orders()
