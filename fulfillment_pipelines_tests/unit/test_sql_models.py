from __future__ import annotations

from pathlib import Path

import pytest

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.sql_models import SqlModel, read_model, read_models, retarget

RULE = """-- rule: FIN-01
-- title: Shipped, not invoiced
-- explains: shipped, billed
-- source: a book
--     and another
-- A remark with $no_parameter in it.
with legs as (select order_id from canon_legs)

select legs.order_id
from legs
join canon_orders as orders on orders.order_id = legs.order_id
where orders.aged > $grace_hours -- not $this_one
"""


@pytest.fixture
def rule(tmp_path: Path) -> SqlModel:
    """One rule, read from a file."""
    path = tmp_path / "fin_01.sql"
    path.write_text(RULE, encoding="utf-8")
    return read_model(path)


def test_a_header_is_read_down_to_the_first_line_of_sql(rule: SqlModel) -> None:
    assert rule.header == {
        "rule": "FIN-01",
        "title": "Shipped, not invoiced",
        "explains": "shipped, billed",
        "source": "a book and another",
    }
    assert rule.name == "fin_01"


def test_a_list_in_a_header_is_split_at_commas(rule: SqlModel) -> None:
    assert rule.listed("explains") == ("shipped", "billed")
    assert rule.listed("absent") == ()


def test_a_missing_header_entry_is_refused_with_the_line_to_add(rule: SqlModel) -> None:
    with pytest.raises(ConfigurationError, match=r"fin_01.sql has no header entry 'owner'.*-- owner: \.\.\."):
        rule.required("owner")


def test_parameters_are_those_of_the_select_and_not_of_the_comments(rule: SqlModel) -> None:
    assert rule.parameters == {"grace_hours"}


def test_tables_are_those_that_are_read_and_not_its_own(rule: SqlModel) -> None:
    assert rule.tables == {"canon_legs", "canon_orders"}


def test_the_version_changes_with_any_word_of_the_file(rule: SqlModel, tmp_path: Path) -> None:
    changed = tmp_path / "changed.sql"
    changed.write_text(RULE.replace("> $grace", ">= $grace"), encoding="utf-8")

    assert read_model(changed).version != rule.version
    assert read_model(rule.path).version == rule.version


def test_models_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / f"{name}.sql").write_text("select 1", encoding="utf-8")

    assert [model.name for model in read_models(tmp_path)] == ["a", "b", "c"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"snap_x.sql cannot be read.*restore the file"):
        read_model(tmp_path / "snap_x.sql")


def test_retargeting_replaces_a_table_and_the_columns_that_name_it() -> None:
    statement = "select target.a, other.a from target join other on target.a = other.a where exists (from target)"

    made = retarget(statement, {"target": "snap_erp__orders"})

    assert "snap_erp__orders.a = other.a" in made
    assert "target" not in made.replace("snap_erp__orders", "")


def test_a_retargeted_table_keeps_its_schema() -> None:
    made = retarget("select a from memory.main.target", {"target": "snap_erp__orders"})

    assert made.lower() == "select a from memory.main.snap_erp__orders"
