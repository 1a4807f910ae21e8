"""Keys by how they begin, so that a look into the lake reads the parts of its files that hold them, and no others.

The lake's files are sorted, and a part whose smallest and largest key are outside of what is looked for is passed
over. An order of a portal and the same order in the ERP begin with other letters: looked for together they span
nearly everything. Few keys are listed by DuckDB itself, which passes over every part that holds none of them: these
are looked for together. Which keys are looked for belongs to `affected`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from sqlglot import exp

from fulfillment_pipelines.sql_models import retarget
from fulfillment_pipelines.warehouse import Connection, scalar

_MOST_FAMILIES: Final = 6
_SMALL: Final = 200_000
_KEYS: Final = "affected_keys"
_BEGINNINGS: Final = """
    select
        key = '' as is_none,
        regexp_extract(key, '^[^0-9]*') as beginning,
        count(distinct key) as key_count,
        cast(current_setting('dynamic_or_filter_threshold') as bigint) as listed_count
    from affected_keys
    group by is_none, beginning
    order by is_none, beginning
    limit $limit
"""
_FAMILY: Final = """
    create or replace temp table family as
    select distinct key
    from affected_keys
    where key <> '' and ($beginning is null or regexp_extract(key, '^[^0-9]*') = $beginning)
"""
_IN_GONE: Final = " in (select key from gone)"
_COUNT_NONE: Final = "select count(*) from affected_keys where key = ''"
_NO_KEY: Final = "create or replace temp table family as select '' as key"
# For the empty key no part is passed over, unless it is told as what sorts before all others.
NEAR_NONE: Final = " < '!'"


def small_tables(row_counts: Mapping[str, int]) -> frozenset[str]:
    """Return the tables of which one look at the whole costs less than one for each family of keys."""
    return frozenset(table for table, count in row_counts.items() if count <= _SMALL)


class KeyFamilies:
    """The keys of one table of this process, divided by what stands before their first digit.

    Args:
        transaction: The lake's cursor within the run's transaction.
        keys: A temp table with the column `key`; divided as it stands now.

    Attributes:
        is_empty: Whether there is no key at all, not even the empty one.
    """

    def __init__(self, transaction: Connection, keys: str) -> None:
        self._keys = keys
        found = transaction.execute(retarget(_BEGINNINGS, {_KEYS: keys}), {"limit": _MOST_FAMILIES + 2}).fetchall()
        beginnings: list[str | None] = [beginning for is_none, beginning, *_ in found if not is_none]
        has_none = len(beginnings) < len(found)
        if len(beginnings) > _MOST_FAMILIES:
            beginnings = [None]
            has_none = scalar(transaction, retarget(_COUNT_NONE, {_KEYS: keys})) > 0
        elif beginnings and _is_listed(found):
            beginnings = [None]
        self.is_empty = not beginnings and not has_none
        self._none = (f"{keys}_none",) if has_none else ()
        self._has_other = bool(beginnings)
        is_as_it_stands = not has_none and len(beginnings) <= 1
        self._tables = (keys,) if is_as_it_stands else self._divided(transaction, beginnings or [None])
        for table in self._none:
            transaction.execute(retarget(_NO_KEY, {"family": table}))

    def _divided(self, transaction: Connection, beginnings: Sequence[str | None]) -> tuple[str, ...]:
        tables = tuple(f"{self._keys}_{number}" for number in range(len(beginnings)))
        for table, beginning in zip(tables, beginnings, strict=True):
            names = {_KEYS: self._keys, "family": table}
            transaction.execute(retarget(_FAMILY, names), {"beginning": beginning})
        return tables

    def selects(
        self,
        statement: str,
        names: Mapping[str, str],
        columns: Mapping[str, str] | None = None,
        *,
        keys: str = _KEYS,
        is_small: bool = False,
    ) -> list[str]:
        """Return a statement once for each family, or once for all keys where the table that it reads is small.

        Args:
            statement: Reads its keys from a table.
            names: Further table names to be replaced.
            columns: Column names to be replaced.
            keys: What the statement calls the table of keys.
            is_small: Whether to look for all keys at once costs less than to look often.
        """
        tables = (self._keys,) if is_small else self._tables
        return [retarget(statement, {**names, keys: table}, columns) for table in tables]

    def selects_of_none(
        self, statement: str, names: Mapping[str, str], columns: Mapping[str, str] | None = None
    ) -> list[str]:
        """Return a statement once where the empty key, under which rows that name nothing stand, is among the keys."""
        return [retarget(statement, {**names, _KEYS: table}, columns) for table in self._none]

    def conditions(self, column: str) -> list[tuple[str, str]]:
        """Return the temp table of each family, and of the empty key, with the condition that finds its rows.

        The condition calls the temp table `gone`.
        """
        found = [(table, column + _IN_GONE) for table in self._tables if self._has_other]
        return found + [(table, column + NEAR_NONE + " and " + column + _IN_GONE) for table in self._none]


def _is_listed(found: Sequence[tuple[bool, str, int, int]]) -> bool:
    """Return whether DuckDB looks for each of the keys, and not only for what lies between the first and the last."""
    return sum(key_count for is_none, _, key_count, _ in found if not is_none) <= found[0][-1]


def together(selects: Sequence[str], columns: Sequence[str] = ()) -> str:
    """Return the rows of several selects as one, with these columns of them only, or all."""
    return _together(tuple(selects), tuple(columns))


@lru_cache(maxsize=2048)
def _together(selects: tuple[str, ...], columns: tuple[str, ...]) -> str:
    """Parse once: a process that stays asks for the same each time."""
    parsed: list[exp.Query] = [exp.maybe_parse(select, into=exp.Select, dialect="duckdb") for select in selects]
    if columns:
        parsed = [exp.select(*columns).from_(select.subquery("rows_read")) for select in parsed]
    rows = parsed[0] if len(parsed) == 1 else exp.union(*parsed, distinct=False)
    return rows.sql(dialect="duckdb")
