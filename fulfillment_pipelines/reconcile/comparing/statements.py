"""The statements of a comparison. Their columns are the tables' own, so they are built as syntax trees, not as text.

When which of them runs belongs in `passes`. Within them a key column is left_key_0 or right_key_0 and so on, a field
left_0 or right_0, so that no column's name can collide with another's.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from fulfillment_pipelines.reconcile.comparing.terms import ComparedColumn, ComparedColumns

LEFT: Final = "compared_left"
RIGHT: Final = "compared_right"
BREAKS: Final = "compared_breaks"
DUPLICATES: Final = "compared_duplicates"
PAIRS: Final = "compared_pairs"

MISSING: Final = "missing"
EXTRA: Final = "extra"
CHANGED: Final = "changed"
DUPLICATE: Final = "duplicate"

_PREFIX: Final = {LEFT: "left", RIGHT: "right"}


class Statements:
    """The statements that compare two tables.

    Args:
        columns: What is compared.
    """

    def __init__(self, columns: ComparedColumns) -> None:
        self.columns = columns
        self.keys = [f"key_{number}" for number in range(len(columns.key))]
        self._differences = [_differs(number, column) for number, column in enumerate(columns.fields)]

    def count_keyed(self, side: str, *, low: bool, high: bool) -> str:
        """Count the rows of a side with a whole key, from the bound $low and below $high where they are asked for."""
        return exp.select("count(*)").from_(self._keys(side, low=low, high=high).subquery("side")).sql("duckdb")

    def bounds(self, percent: float) -> str:
        """Draw some keys of the left side, always the same ones."""
        first = _column(self.columns.key[0], LEFT)
        drawn = exp.select(exp.alias_(first, "bound")).from_(LEFT).where(exp.not_(first.copy().is_(exp.Null())))
        return f"{drawn.sql('duckdb')} using sample {percent:f} percent (system, 7)"

    def one_pass(self, *, low: bool, high: bool) -> str:
        """Join one range: how many pairs that gives, the rows of each side in them, and the list of all breaks.

        Pairs are cut off at $most: more than both sides have rows can only come of keys that repeat.
        """
        values = ", ".join(f"{name} := {value}" for name, value in self._break_values().items())
        pairs = self._pairs(low=low, high=high, without_duplicates=False).limit("$most", dialect="duckdb")
        return (
            exp.select(
                "count(*) as pairs",
                "count(left_key_0) as left_rows",
                "count(right_key_0) as right_rows",
                f"list(struct_pack({values})) filter (where {self._is_break()}) as breaks",
                dialect="duckdb",
            )
            .from_(pairs.subquery("pairs"))
            .sql("duckdb")
        )

    def breaks_of_pass(self) -> str:
        """Return the breaks that `one_pass` has listed, as rows."""
        listed = exp.select("unnest(breaks) as found", dialect="duckdb").from_(PAIRS)
        return exp.select("found.*").from_(listed.subquery("listed")).sql("duckdb")

    def seen_of_pass(self) -> str:
        """Return how many rows of the left and of the right side `one_pass` has seen, and in how many pairs."""
        return exp.select("left_rows", "right_rows", "pairs").from_(PAIRS).sql("duckdb")

    def breaks(self, *, low: bool, high: bool) -> str:
        """Return the breaks of one range as rows, without the keys that are known to repeat."""
        values = [f"{value} as {name}" for name, value in self._break_values().items()]
        pairs = self._pairs(low=low, high=high, without_duplicates=True)
        query = exp.select(*values, dialect="duckdb").from_(pairs.subquery("pairs"))
        return query.where(self._is_break(), dialect="duckdb").sql("duckdb")

    def duplicates(self, *, low: bool, high: bool) -> str:
        """Return the keys of one range that repeat on a side, with the rows that each side has of them."""
        left, right = (self._keys(side, low=low, high=high) for side in _PREFIX)
        repeated = [
            exp.select(*self.keys).from_(keys.subquery("side")).group_by(*self.keys).having("count(*) > 1")
            for keys in (left, right)
        ]
        rows = [
            exp.select(*self.keys, f"{is_left} as is_left")
            .from_(keys.subquery("side"))
            .where(self._is_among("repeated"))
            for is_left, keys in (("true", left), ("false", right))
        ]
        return (
            exp.select(
                *self.keys,
                "count(*) filter (where is_left) as left_rows",
                "count(*) filter (where not is_left) as right_rows",
                dialect="duckdb",
            )
            .from_(exp.union(*rows, distinct=False).subquery("sides"))
            .group_by(*self.keys)
            .with_("repeated", as_=exp.union(*repeated, distinct=True))
            .sql("duckdb")
        )

    def duplicates_among_breaks(self) -> str:
        """Return the keys that repeat among the rows of one side only, which no join has multiplied."""
        return (
            exp.select(
                *self.keys,
                f"count(*) filter (where kind = '{MISSING}') as left_rows",
                f"count(*) filter (where kind = '{EXTRA}') as right_rows",
                dialect="duckdb",
            )
            .from_(BREAKS)
            .group_by(*self.keys)
            .having("count(*) > 1")
            .sql("duckdb")
        )

    def without_duplicates(self) -> str:
        """Delete the breaks whose keys repeat: which row they should be compared with is not known."""
        return exp.delete(BREAKS).where(self._is_among(DUPLICATES)).sql("duckdb")

    def duplicate_counts(self) -> str:
        """Count the keys that repeat, and the rows under them on either side."""
        rows = ("cast(coalesce(sum(left_rows), 0) as bigint)", "cast(coalesce(sum(right_rows), 0) as bigint)")
        return exp.select("count(*)", *rows, dialect="duckdb").from_(DUPLICATES).sql("duckdb")

    def counts(self) -> str:
        """Count the breaks of each kind, and the changes of each field."""
        kinds = [f"count(*) filter (where kind = '{kind}') as {kind}" for kind in (CHANGED, MISSING, EXTRA)]
        fields = [
            f"count(*) filter (where kind = '{CHANGED}' and {differs}) as field_{number}"
            for number, differs in enumerate(self._differences)
        ]
        return exp.select(*kinds, *fields, dialect="duckdb").from_(BREAKS).sql("duckdb")

    def keys_of(self, kind: str) -> str:
        """Return the first $most keys of one kind of break, or those that repeat."""
        told = [exp.alias_(exp.column(key), column.name, quoted=True) for key, column in self._named_keys()]
        query = exp.select(*told).from_(DUPLICATES if kind == DUPLICATES else BREAKS)
        if kind != DUPLICATES:
            query = query.where(f"kind = '{kind}'", dialect="duckdb")
        return query.order_by(*self.keys).limit("$most", dialect="duckdb").sql("duckdb")

    def changes_of(self, number: int) -> str:
        """Return the first $most changes of one field: the key, and the value on either side."""
        told = [exp.alias_(exp.column(key), column.name, quoted=True) for key, column in self._named_keys()]
        values = [f"cast(left_{number} as varchar) as left_value", f"cast(right_{number} as varchar) as right_value"]
        query = exp.select(*told, *values, dialect="duckdb").from_(BREAKS)
        query = query.where(f"kind = '{CHANGED}'", self._differences[number], dialect="duckdb")
        return query.order_by(*self.keys).limit("$most", dialect="duckdb").sql("duckdb")

    def told(self) -> str:
        """Return all differences: one row for each missing, extra or duplicate key and for each changed field."""
        nothing = ("", "null", "null")
        told = [
            self._told(kind, BREAKS, nothing).where(f"kind = '{kind}'", dialect="duckdb") for kind in (MISSING, EXTRA)
        ]
        told.append(self._told(DUPLICATE, DUPLICATES, ("", "left_rows", "right_rows")))
        for number, column in enumerate(self.columns.fields):
            changed = self._told(CHANGED, BREAKS, (column.name, f"left_{number}", f"right_{number}"))
            told.append(changed.where(f"kind = '{CHANGED}'", self._differences[number], dialect="duckdb"))
        return exp.union(*told, distinct=False).sql("duckdb")

    def _told(self, kind: str, source: str, said: tuple[str, str, str]) -> exp.Select:
        field, left_value, right_value = said
        return exp.select(
            exp.alias_(exp.Literal.string(kind), "kind"),
            *(exp.alias_(exp.column(key), column.name, quoted=True) for key, column in self._named_keys()),
            exp.alias_(exp.Literal.string(field), "field"),
            f"cast({left_value} as varchar) as left_value",
            f"cast({right_value} as varchar) as right_value",
            dialect="duckdb",
        ).from_(source)

    def _named_keys(self) -> list[tuple[str, ComparedColumn]]:
        return list(zip(self.keys, self.columns.key, strict=True))

    def _is_break(self) -> str:
        unmatched = ["left_key_0 is null", "right_key_0 is null"]
        return " or ".join([*unmatched, *self._differences])

    def _break_values(self) -> dict[str, str]:
        """Return the columns of a break by name, and how each is made of a pair."""
        unmatched = f"when right_key_0 is null then '{MISSING}' when left_key_0 is null then '{EXTRA}'"
        kind = f"case {unmatched} else '{CHANGED}' end"
        keys = {key: f"coalesce(left_{key}, right_{key})" for key in self.keys}
        sides = {
            f"{side}_{number}": f"{side}_{number}"
            for number in range(len(self.columns.fields))
            for side in _PREFIX.values()
        }
        return {"kind": kind} | keys | sides

    def _pairs(self, *, low: bool, high: bool, without_duplicates: bool) -> exp.Select:
        """Return every row of one range with its counterpart, or alone."""
        left, right = (self._rows(side, low=low, high=high, without_duplicates=without_duplicates) for side in _PREFIX)
        on = [f"left_{key} = right_{key}" for key in self.keys]
        return (
            exp.select("*")
            .from_(left.subquery("left_side"))
            .join(right.subquery("right_side"), on=" and ".join(on), join_type="full", dialect="duckdb")
        )

    def _rows(self, side: str, *, low: bool, high: bool, without_duplicates: bool) -> exp.Select:
        prefix = _PREFIX[side]
        keys = [exp.alias_(_column(one, side), f"{prefix}_{key}") for key, one in self._named_keys()]
        fields = [
            exp.alias_(_column(one, side), f"{prefix}_{number}") for number, one in enumerate(self.columns.fields)
        ]
        query = self._within(exp.select(*keys, *fields).from_(side), side, low=low, high=high)
        if not without_duplicates:
            return query
        values = {key: _column(one, side) for key, one in self._named_keys()}
        return query.where(exp.not_(self._is_among(DUPLICATES, values)))

    def _keys(self, side: str, *, low: bool, high: bool) -> exp.Select:
        keys = [exp.alias_(_column(one, side), key) for key, one in self._named_keys()]
        return self._within(exp.select(*keys).from_(side), side, low=low, high=high)

    def _within(self, query: exp.Select, side: str, *, low: bool, high: bool) -> exp.Select:
        columns = [_column(one, side) for one in self.columns.key]
        query = query.where(*(exp.not_(column.is_(exp.Null())) for column in columns))
        if low:
            query = query.where(exp.GTE(this=columns[0].copy(), expression=exp.Placeholder(this="low")))
        if high:
            query = query.where(exp.LT(this=columns[0].copy(), expression=exp.Placeholder(this="high")))
        return query

    def _is_among(self, table: str, values: dict[str, exp.Expression] | None = None) -> exp.Expression:
        """Return the condition that a key is in a table of keys; no key of either has a null."""
        own = [(values or {}).get(key, exp.column(key)) for key in self.keys]
        keys = exp.select(*self.keys).from_(table)
        return exp.In(this=own[0] if len(own) == 1 else exp.Tuple(expressions=own), query=keys.subquery())


def _column(column: ComparedColumn, side: str) -> exp.Expression:
    named = exp.column(column.name if side == LEFT else column.right_name, quoted=True)
    return named if column.as_type is None else exp.cast(named, column.as_type, dialect="duckdb")


def _differs(number: int, column: ComparedColumn) -> str:
    """Return the condition that a field is not the same on both sides; two nulls are the same."""
    left, right = f"left_{number}", f"right_{number}"
    if column.tolerance is None:
        return f"{left} is distinct from {right}"
    return f"(({left} is null) <> ({right} is null) or abs({left} - {right}) > {column.tolerance:f})"
