"""The subset of SQL that models keep to, so that DuckDB and Spark read the same words the same way.

Each construct below was found to differ, or not to exist, on one of DuckDB 1.5, Apache Spark 4 and Sail 0.7. Snapshot
models and explanations run where the lake is and may use all of DuckDB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from fulfillment_pipelines.engines.spark_sql import spark_statement
from fulfillment_pipelines.sql_models import read_model

FOLDERS = ("20_canonical", "30_reconcile", "40_marts", "checks")
WHOLE = exp.DataType.INTEGER_TYPES
FRACTIONS = (exp.TimeToUnix, exp.PercentileCont, exp.Quantile, exp.Div)
MAYBE_WHOLE = (exp.Null, exp.Column, exp.Sum, exp.Count, exp.RowNumber, exp.Max, exp.Min, exp.Case)
NOT_SELECTS = {"rec_document_matches"}  # creates a table that Python fills
DATE_FORMATS = {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"}
ANONYMOUS = {"to_json"}

Finder = Callable[[exp.Expr], Iterator[exp.Expr]]


def _of(*kinds: type[exp.Expr]) -> Finder:
    return lambda tree: tree.find_all(*kinds)


def _unknown_functions(tree: exp.Expr) -> Iterator[exp.Expr]:
    return (call for call in tree.find_all(exp.Anonymous) if call.name.lower() not in ANONYMOUS)


def _starred_exceptions(tree: exp.Expr) -> Iterator[exp.Expr]:
    stars = tree.find_all(exp.Star)
    return (star for star in stars if star.args.get("except_") or star.args.get("replace") or star.args.get("rename"))


def _rounding_casts(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Casts to whole numbers of what may have a fraction: anything but a null, a column, a count or a rounded value."""
    casts = (cast for cast in tree.find_all(exp.Cast) if cast.to.this in WHOLE)
    for cast in casts:
        inner = cast.this.this if isinstance(cast.this, exp.Filter | exp.Window) else cast.this
        if not isinstance(inner, exp.Round | exp.Floor) and (
            inner.find(*FRACTIONS) or not isinstance(inner, MAYBE_WHOLE)
        ):
            yield cast


def _inexact_divisions(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Divisions of which no side is said to be a double, and which are not by the power of ten that rounding takes."""
    for division in tree.find_all(exp.Div):
        sides = (division.this, division.expression)
        doubled = any(isinstance(side, exp.Cast) and side.to.this == exp.DataType.Type.DOUBLE for side in sides)
        if not doubled and not isinstance(division.this, exp.Floor):
            yield division


def _shadowed_conditions(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Unqualified columns of a `having` that are also names of aggregates in the same select."""
    for select in tree.find_all(exp.Select):
        made = {item.alias for item in select.expressions if isinstance(item, exp.Alias) and item.find(exp.AggFunc)}
        having = select.args.get("having")
        columns = having.find_all(exp.Column) if having else ()
        yield from (column for column in columns if not column.table and column.name in made)


def _text_as_rank(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Instants turned into text, whose digits each engine writes its own way."""
    return (joined for joined in tree.find_all(exp.DPipe) if joined.find(exp.TimeToUnix))


def _filtered_distinct(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Lists of the distinct values of a column by which another aggregate of the same select is filtered."""
    for select in tree.find_all(exp.Select):
        conditions = [found.expression for item in select.expressions for found in item.find_all(exp.Filter)]
        filtering = {column.sql() for condition in conditions for column in condition.find_all(exp.Column)}
        for distinct in (found for item in select.expressions for found in item.find_all(exp.Distinct)):
            if filtering & {column.sql() for column in distinct.find_all(exp.Column)}:
                yield distinct


def _unnamed_formats(tree: exp.Expr) -> Iterator[exp.Expr]:
    return (call for call in tree.find_all(exp.TimeToStr) if call.args["format"].name not in DATE_FORMATS)


def _unordered_lists(tree: exp.Expr) -> Iterator[exp.Expr]:
    return (call for call in tree.find_all(exp.GroupConcat) if not call.find(exp.Order))


FORBIDDEN: dict[str, tuple[Finder, str]] = {
    "asof join": (
        lambda tree: (join for join in tree.find_all(exp.Join) if join.method.upper() == "ASOF"),
        "Spark has none",
    ),
    "positional join": (
        lambda tree: (join for join in tree.find_all(exp.Join) if join.method.upper() == "POSITIONAL"),
        "rows have no order on Spark",
    ),
    "lateral": (_of(exp.Lateral), "each engine has its own words for it"),
    "lambda": (_of(exp.Lambda, exp.Comprehension), "list functions differ in name and in what they do with null"),
    "list": (_of(exp.Array, exp.List, exp.Slice, exp.ArrayAgg), "positions count from one or from nought"),
    "bracket": (_of(exp.Bracket), "positions count from one or from nought, and a missing entry is null or an error"),
    "hash()": (
        lambda tree: (call for call in tree.find_all(exp.Anonymous) if call.name.lower() == "hash"),
        "each engine has its own; md5() is the same",
    ),
    "timezone": (_of(exp.AtTimeZone, exp.FromTimeZone, exp.ConvertTimezone), "instants are in UTC everywhere"),
    "now": (
        _of(exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime),
        "the present of a run is a parameter, the same on both",
    ),
    "random": (_of(exp.Rand, exp.TableSample), "no two engines draw the same"),
    "first and any": (_of(exp.First, exp.Last, exp.AnyValue), "which row it is, is not said"),
    "regular expressions": (
        _of(exp.RegexpLike, exp.RegexpExtract, exp.RegexpReplace, exp.RegexpFullMatch),
        "Java's and RE2's words differ",
    ),
    "json access": (_of(exp.JSONExtract, exp.JSONExtractScalar, exp.ParseJSON), "paths and quotes differ"),
    "interval": (_of(exp.Interval, exp.DateAdd, exp.TimestampAdd, exp.DateDiff), "count in seconds, with epoch()"),
    "pivot": (_of(exp.Pivot), "the columns depend on the rows"),
    "union by name": (
        lambda tree: (union for union in tree.find_all(exp.SetOperation) if union.args.get("by_name")),
        "columns are named in the order of the other side",
    ),
    "exclude": (_starred_exceptions, "Sail knows none; the columns are written out"),
    "group by all": (
        lambda tree: (group for group in tree.find_all(exp.Group) if group.args.get("all") is not None),
        "the grouping is said",
    ),
    "distinct on": (
        lambda tree: (one for one in tree.find_all(exp.Distinct) if one.args.get("on")),
        "Spark has none; row_number() says which row",
    ),
    "unsaid rounding": (_rounding_casts, "DuckDB rounds, Spark cuts off: round() or floor() before the cast"),
    "division of decimals": (_inexact_divisions, "a double in DuckDB, a decimal on Spark: cast one side to double"),
    "having over an alias": (_shadowed_conditions, "which of the two is meant, engines decide otherwise: qualify it"),
    "instant as text": (_text_as_rank, "doubles are written otherwise: order by a struct"),
    "distinct beside a filter": (_filtered_distinct, "Sail cannot plan both over one column: group first"),
    "list without order": (_unordered_lists, "the order of rows is not the same twice"),
    "date format": (_unnamed_formats, "only the two formats that are tried on both"),
    "other function": (_unknown_functions, "sqlglot does not know it, so it does not translate it"),
}


def _selects(sql_root: Path) -> list[Path]:
    found = (path for folder in FOLDERS for path in sorted((sql_root / folder).rglob("*.sql")))
    return [path for path in found if path.stem not in NOT_SELECTS]


def _broken(statement: str) -> list[str]:
    """Return which rules of the subset a statement breaks, with the words that do."""
    tree = sqlglot.parse_one(statement, read="duckdb")
    return [f"{name}: {node.sql(dialect='duckdb')}" for name, (find, _) in FORBIDDEN.items() for node in find(tree)]


def test_every_model_rule_and_check_keeps_to_the_subset(project_root: Path) -> None:
    paths = _selects(project_root / "sql")
    assert len(paths) > 90
    broken = {path.name: _broken(path.read_text(encoding="utf-8")) for path in paths}
    assert {name: found for name, found in broken.items() if found} == {}


def test_every_model_rule_and_check_can_be_said_on_spark(project_root: Path) -> None:
    for path in _selects(project_root / "sql"):
        model = read_model(path)
        said = spark_statement(model.body, dict.fromkeys(model.parameters, 1))
        assert sqlglot.parse_one(said, read="spark").named_selects


@pytest.mark.parametrize(
    ("construct", "statement"),
    [
        ("asof join", "select a.x from a asof join b on a.k = b.k and a.t >= b.t"),
        ("positional join", "select a.x from a positional join b"),
        ("lateral", "select a.x from a, lateral (select b.y from b where b.k = a.k) as c"),
        ("lambda", "select list_transform(xs, x -> x + 1) as ys from a"),
        ("list", "select list_value(1, 2) as xs from a"),
        ("bracket", "select xs[1] as x from a"),
        ("timezone", "select t at time zone 'Europe/Berlin' as t from a"),
        ("now", "select current_timestamp as t from a"),
        ("random", "select random() as r from a"),
        ("first and any", "select any_value(x) as x from a"),
        ("regular expressions", "select regexp_extract(x, 'a+') as x from a"),
        ("json access", "select payload ->> '$.order_id' as order_id from a"),
        ("interval", "select t + interval 1 day as t from a"),
        ("pivot", "select p, q from a pivot (sum(x) for k in ('p', 'q'))"),
        ("union by name", "select x from a union all by name select x from b"),
        ("exclude", "select own.* exclude (x) from own"),
        ("group by all", "select x, count(*) as n from a group by all"),
        ("distinct on", "select distinct on (x) x, y from a"),
        ("unsaid rounding", "select cast(epoch(t) as bigint) as s from a"),
        ("unsaid rounding", "select cast(quantile_cont(x, 0.5) as bigint) as s from a"),
        ("unsaid rounding", "select cast(x * 0.5 as integer) as s from a"),
        ("division of decimals", "select x / y as z from a"),
        ("having over an alias", "select k, max(x) as x from a group by k having max(x) > 0"),
        ("instant as text", "select max_by(k, epoch(t) || k) as k from a"),
        (
            "distinct beside a filter",
            "select string_agg(distinct x, ',' order by x) as xs, count(*) filter (where x = 'A') as n from a",
        ),
        ("list without order", "select string_agg(x, ',') as xs from a"),
        ("date format", "select strftime(t, '%j') as d from a"),
        ("hash()", "select hash(x) as h from a"),
        ("other function", "select levenshtein_of(x, y) as d from a"),
    ],
)
def test_what_breaks_the_subset_is_recognised(construct: str, statement: str) -> None:
    assert [found.partition(":")[0] for found in _broken(statement) if found.startswith(construct)]


def test_the_common_form_is_not_taken_for_a_breach() -> None:
    assert (
        _broken(
            "select k, cast(round(quantile_cont(epoch(t), 0.5)) as bigint) as p50, cast(sum(n) as bigint) as n, "
            "cast(floor(cast(x as double) / y * 100 + 0.5) / 100 as decimal(18, 2)) as price, md5(k) as id, "
            "to_json({'at': strftime(t, '%Y-%m-%d')}) as payload, string_agg(k, ',' order by k) as ks "
            "from a group by k, x, y, t having max(a.n) > 0"
        )
        == []
    )


def test_the_page_on_spark_tells_every_rule_of_the_subset_with_its_reason(project_root: Path) -> None:
    page = (project_root / "docs" / "spark.md").read_text(encoding="utf-8")
    assert [name for name, (_, reason) in FORBIDDEN.items() if f"| {name} | {reason} |" not in page] == []
