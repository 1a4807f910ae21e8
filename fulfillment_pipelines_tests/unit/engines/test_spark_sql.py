"""How a model's words become Spark's, where sqlglot alone would change what they mean."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from fulfillment_pipelines.engines.spark_sql import spark_statement
from fulfillment_pipelines.errors import ConfigurationError


def _said(select: str, **parameters: object) -> str:
    return spark_statement(select, parameters)


def test_the_fraction_of_a_second_is_kept_in_both_directions() -> None:
    assert _said("select epoch(t) as s from a") == "SELECT CAST(UNIX_MICROS(t) AS DOUBLE) / 1000000 AS s FROM a"
    said = _said("select to_timestamp(epoch(t) + 60) as due_at from a")
    assert said == (
        "SELECT TIMESTAMP_MICROS(CAST(ROUND((CAST(UNIX_MICROS(t) AS DOUBLE) / 1000000 + 60) * 1000000) AS BIGINT))"
        " AS due_at FROM a"
    )


def test_letters_that_stand_for_themselves_are_quoted_in_a_date_format() -> None:
    said = _said("select strftime(t, '%Y-%m-%dT%H:%M:%SZ') as shown from a")
    assert r"DATE_FORMAT(t, 'yyyy-MM-dd\'T\'HH:mm:ss\'Z\'')" in said


def test_a_date_format_that_spark_has_no_word_for_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="cannot be said on Spark"):
        _said("select strftime(t, '%j') as day_of_year from a")


def test_a_missing_value_stays_in_the_json_as_null() -> None:
    said = _said("select to_json({'id': x}) as j from a")
    assert "CASE WHEN (x) IS NULL THEN '\"id\":null'" in said


def test_json_of_anything_but_a_struct_written_out_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not a struct written out"):
        _said("select to_json(x) as j from a")


def test_the_row_with_the_greatest_key_is_one_that_has_a_value() -> None:
    said = _said("select max_by(x, {'t': t, 'id': id}) as x from a")
    assert "MAX_BY(x, CASE WHEN NOT x IS NULL THEN STRUCT(t AS t, id AS id) END)" in said


def test_a_text_is_split_by_itself_and_not_by_a_pattern() -> None:
    assert "SPLIT(x, ',')" in _said("select unnest(string_split(x, ',')) as one from a")
    assert r"SPLIT(x, '\\|')" in _said("select unnest(string_split(x, '|')) as one from a")


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (Decimal("0.50"), "CAST(0.50 AS DECIMAL(2, 2))"),
        (Decimal(240), "CAST(240 AS DECIMAL(3, 0))"),
        (Decimal("1E+3"), "CAST(1000 AS DECIMAL(4, 0))"),
        (7, "7"),
        ("O'Neill", r"'O\'Neill'"),
        (True, "TRUE"),
        (datetime(2026, 3, 2, 12, 0, 0, 250_000, tzinfo=UTC), "TIMESTAMP_MICROS(1772452800250000)"),
    ],
)
def test_a_parameter_becomes_a_literal_of_the_type_that_duckdb_binds(value: object, literal: str) -> None:
    assert _said("select $p as p from a", p=value) == f"SELECT {literal} AS p FROM a"


@pytest.mark.parametrize("value", [datetime(2026, 3, 2, tzinfo=UTC).replace(tzinfo=None), Decimal("NaN"), [1], None])
def test_a_parameter_without_a_literal_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match="cannot be given to Spark"):
        _said("select $p as p from a", p=value)


def test_the_same_select_takes_other_values_the_next_time() -> None:
    said = [_said("select x from a where x > $limit", limit=limit) for limit in (1, 2)]
    assert said == ["SELECT x FROM a WHERE x > 1", "SELECT x FROM a WHERE x > 2"]


def test_what_is_not_sql_is_refused_with_its_reason() -> None:
    with pytest.raises(ConfigurationError, match="cannot be read as SQL"):
        _said("select from where")
