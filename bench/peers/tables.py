"""The two tables that are compared, with known breaks, and how what a tool reports is held against them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

EXACT: Final = "exact"
BINARY: Final = "binary"

_LEFT: Final = """
create view left_lines as
select
    i as line_id,
    'SO-' || lpad((i // 4)::varchar, 9, '0') as order_id,
    (hash(i, 1) % 200000)::integer as customer_id,
    'SKU-' || lpad((hash(i, 2) % 20000)::varchar, 6, '0') as sku,
    (hash(i, 3) % 900 + 1)::integer as ordered_qty,
    ((hash(i, 4) % 1000000)::bigint * 0.01)::decimal(12, 2) as unit_price,
    ((hash(i, 5) % 100000000)::bigint * 0.01)::decimal(14, 4) as amount,
    ['OPEN', 'SHIPPED', 'INVOICED', 'CLOSED'][1 + (hash(i, 6) % 4)::integer] as status,
    timestamp '2026-01-01' + (hash(i, 7) % 30000000)::integer * interval 1 second as shipped_at,
    ['east', 'west', 'north'][1 + (hash(i, 8) % 3)::integer] as node,
    case
        when i >= $rows then 'extra'
        when hash(i, 9) % 400 = 0 then 'missing'
        when hash(i, 10) % 200 = 0 then 'changed'
    end as truth,
    hash(i, 11) % 9 as changed_field,
    hash(i, 12) % 50 = 0 as is_noisy
from range($rows + $rows // 400) as lines (i)
"""
_RIGHT: Final = """
create view right_lines as
select
    line_id,
    order_id || case when truth = 'changed' and changed_field = 0 then 'X' else '' end as order_id,
    (customer_id + case when truth = 'changed' and changed_field = 1 then 1 else 0 end)::integer as customer_id,
    sku || case when truth = 'changed' and changed_field = 2 then 'X' else '' end as sku,
    (ordered_qty + case when truth = 'changed' and changed_field = 3 then 1 else 0 end)::integer as ordered_qty,
    (unit_price + case when truth = 'changed' and changed_field = 4 then 0.01 else 0 end)::decimal(12, 2) as unit_price,
    (
        amount
        + case when truth = 'changed' and changed_field = 5 then 0.05 else 0 end
        + case when is_noisy then 0.003 else 0 end
    )::decimal(14, 4) as amount,
    case when truth = 'changed' and changed_field = 6 then 'HELD' else status end as status,
    shipped_at + case when truth = 'changed' and changed_field = 7 then 1 else 0 end * interval 1 second as shipped_at,
    case when truth = 'changed' and changed_field = 8 then 'south' else node end as node
from left_lines
where truth is distinct from 'missing'
"""
_COLUMNS: Final = "line_id, order_id, customer_id, sku, ordered_qty, unit_price, amount, status, shipped_at, node"
_TRUTH: Final = "copy (select truth as kind, line_id from left_lines where truth is not null) to $file (format parquet)"
_SCORE: Final = """
with

truth as (
    select kind, line_id from read_parquet($truth)
),

found as (
    select distinct kind, line_id from read_csv($found, header = true, types = {'line_id': 'BIGINT'})
)

select
    (select count(*) from truth) as true_breaks,
    (select count(*) from found) as found_breaks,
    (select count(*) from found anti join truth using (kind, line_id)) as false_breaks,
    (select count(*) from truth anti join found using (kind, line_id)) as missed_breaks
"""


@dataclass(frozen=True, slots=True)
class Score:
    """What a tool reported, held against what is known."""

    true_breaks: int
    found_breaks: int
    false_breaks: int
    missed_breaks: int

    @property
    def is_exact(self) -> bool:
        """Whether exactly the true breaks were found."""
        return self.false_breaks == self.missed_breaks == 0


def write_tables(folder: Path, rows: int) -> None:
    """Write both tables sorted by key, with decimals and with binary numbers, and the truth beside them."""
    with duckdb.connect(config={"threads": 2, "memory_limit": "2GB"}) as connection:
        for view in (_LEFT, _RIGHT):
            connection.execute(view.replace("$rows", str(rows)))
        exact = {"left": "truth is distinct from 'extra'", "right": "true"}
        binary = _COLUMNS.replace("unit_price, amount", "unit_price::double as unit_price, amount::double as amount")
        for numbers, columns in ((EXACT, _COLUMNS), (BINARY, binary)):
            (folder / numbers).mkdir(parents=True)
            for side, where in exact.items():
                file = str(folder / numbers / f"{side}.parquet")
                selected = connection.sql("select " + columns + " from " + side + "_lines where " + where)  # noqa: S608 -- own words
                selected.write_parquet(file)
        connection.execute(_TRUTH.replace("$file", "'" + str(folder / "truth.parquet") + "'"))


def score(folder: Path, found: Path) -> Score:
    """Hold the breaks that were written to a file against the truth."""
    with duckdb.connect() as connection:
        row = connection.execute(_SCORE, {"truth": str(folder / "truth.parquet"), "found": str(found)}).fetchone()
    if row is None:
        raise AssertionError("a select of aggregates gives one row")
    return Score(*row)
