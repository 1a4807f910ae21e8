"""The same comparison as one hand-written statement of DuckDB: the floor under everything that is more general."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import duckdb

_COMPARE: Final = """
copy (
    select
        case when r.line_id is null then 'missing' when l.line_id is null then 'extra' else 'changed' end as kind,
        coalesce(l.line_id, r.line_id) as line_id
    from read_parquet($left) as l
    full join read_parquet($right) as r on l.line_id = r.line_id
    where
        l.line_id is null
        or r.line_id is null
        or l.order_id is distinct from r.order_id
        or l.customer_id is distinct from r.customer_id
        or l.sku is distinct from r.sku
        or l.ordered_qty is distinct from r.ordered_qty
        or l.unit_price is distinct from r.unit_price
        or abs(l.amount - r.amount) > 0.005
        or l.status is distinct from r.status
        or l.shipped_at is distinct from r.shipped_at
        or l.node is distinct from r.node
) to $out
"""


def main() -> None:
    """Compare the tables of a folder and write the breaks into another."""
    tables, into = Path(sys.argv[1]), Path(sys.argv[2])
    files = {"left": tables / "left.parquet", "right": tables / "right.parquet", "out": into / "breaks.csv"}
    statement = _COMPARE
    for name, file in files.items():
        statement = statement.replace(f"${name}", f"'{file}'")
    with duckdb.connect(config={"threads": 2, "memory_limit": "4GB", "preserve_insertion_order": False}) as connection:
        connection.execute(statement)


if __name__ == "__main__":
    main()
