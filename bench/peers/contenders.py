"""Other people's tools at the same comparison, each run by an interpreter that has it: no import of ours belongs here.

    python contenders.py NAME FOLDER

reads FOLDER/left.parquet and FOLDER/right.parquet (or, for tools that compare databases, FOLDER/NAME.duckdb), and
writes every break that the tool reports to first.csv, and to breaks.csv what is left when the tolerance is applied: the
same file where the tool knows tolerances, else at the price of one more step. It prints the CPU time of the first.
Imports stand in the functions, since each interpreter has only its own tool.
"""
# ruff: noqa: PLC0415 -- see above

from __future__ import annotations

import csv
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

KEY: Final = "line_id"
FIELDS: Final = (
    "order_id",
    "customer_id",
    "sku",
    "ordered_qty",
    "unit_price",
    "amount",
    "status",
    "shipped_at",
    "node",
)
TOLERANCE: Final = 0.005
AMOUNT: Final = FIELDS.index("amount")


def write_breaks(path: Path, by_kind: Mapping[str, Iterable[object]]) -> None:
    """Write one line for each break: its kind and its key."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("kind", KEY))
        for kind, keys in by_kind.items():
            writer.writerows((kind, key) for key in keys)


def polars_join(folder: Path) -> None:
    """Join with polars, streaming."""
    import polars as pl

    sides = [pl.scan_parquet(folder / f"{side}.parquet") for side in ("left", "right")]
    left, right = (side.with_columns(is_there=pl.lit(value=True)) for side in sides)
    joined = left.join(right, on=KEY, how="full", suffix="_right", coalesce=True)
    differs = [
        (pl.col(name) - pl.col(f"{name}_right")).abs() > TOLERANCE
        if name == "amount"
        else pl.col(name).ne_missing(pl.col(f"{name}_right"))
        for name in FIELDS
    ]
    kind = (
        pl.when(pl.col("is_there_right").is_null())
        .then(pl.lit("missing"))
        .when(pl.col("is_there").is_null())
        .then(pl.lit("extra"))
        .when(pl.any_horizontal(differs))
        .then(pl.lit("changed"))
    )
    found = joined.select(kind.alias("kind"), KEY).filter(pl.col("kind").is_not_null())
    found.collect(engine="streaming").write_csv(folder / "breaks.csv")


def pandas_merge(folder: Path) -> None:
    """Merge with pandas."""
    import pandas as pd

    left, right = (pd.read_parquet(folder / f"{side}.parquet") for side in ("left", "right"))
    merged = left.merge(right, on=KEY, how="outer", suffixes=("", "_right"), indicator=True)
    differs = pd.Series(data=False, index=merged.index)
    for name in FIELDS:
        if name == "amount":
            differs |= (merged[name] - merged[f"{name}_right"]).abs() > TOLERANCE
        else:
            differs |= merged[name] != merged[f"{name}_right"]
    by_kind = {
        "missing": merged.loc[merged["_merge"] == "left_only", KEY],
        "extra": merged.loc[merged["_merge"] == "right_only", KEY],
        "changed": merged.loc[(merged["_merge"] == "both") & differs, KEY],
    }
    write_breaks(folder / "breaks.csv", by_kind)


def datacompy_polars(folder: Path) -> None:
    """Compare with datacompy on polars."""
    import datacompy
    import polars as pl

    left, right = (pl.read_parquet(folder / f"{side}.parquet") for side in ("left", "right"))
    compared = datacompy.PolarsCompare(left, right, join_columns=KEY, abs_tol={"amount": TOLERANCE, "default": 0})
    _write_datacompy(folder, compared)


def datacompy_pandas(folder: Path) -> None:
    """Compare with datacompy on pandas."""
    import datacompy
    import pandas as pd

    left, right = (pd.read_parquet(folder / f"{side}.parquet") for side in ("left", "right"))
    compared = datacompy.PandasCompare(left, right, join_columns=KEY, abs_tol={"amount": TOLERANCE, "default": 0})
    _write_datacompy(folder, compared)


def _write_datacompy(folder: Path, compared: Any) -> None:
    alone = {"missing": compared.df1_unq_rows[KEY], "extra": compared.df2_unq_rows[KEY]}
    write_breaks(folder / "breaks.csv", alone | {"changed": compared.all_mismatch()[KEY]})


def reladiff(folder: Path) -> float:
    """Compare with reladiff, joining within the database."""
    import reladiff as tool

    return _diff(tool, folder, "reladiff")


def data_diff(folder: Path) -> float:
    """Compare with data-diff, joining within the database."""
    import data_diff as tool

    return _diff(tool, folder, "data-diff")


def _diff(tool: Any, folder: Path, name: str) -> float:
    database = {"driver": "duckdb", "filepath": str(folder / f"{name}.duckdb")}
    left, right = (tool.connect_to_table(database, f"{side}_lines", KEY) for side in ("left", "right"))
    rows: dict[str, dict[str, tuple[str, ...]]] = {"-": {}, "+": {}}
    found = tool.diff_tables(left, right, extra_columns=FIELDS, algorithm=tool.Algorithm.JOINDIFF)
    for sign, row in found:
        rows[sign][row[0]] = row[1:]
    minus, plus = rows["-"], rows["+"]
    both = minus.keys() & plus.keys()
    alone = {"missing": minus.keys() - both, "extra": plus.keys() - both}
    write_breaks(folder / "first.csv", alone | {"changed": both})
    first = time.process_time()
    changed = (key for key in both if _differ_beyond_tolerance(minus[key], plus[key]))
    write_breaks(folder / "breaks.csv", alone | {"changed": changed})
    return first


def _differ_beyond_tolerance(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    if abs(float(left[AMOUNT]) - float(right[AMOUNT])) > TOLERANCE:
        return True
    return left[:AMOUNT] != right[:AMOUNT] or left[AMOUNT + 1 :] != right[AMOUNT + 1 :]


def prepare_database(folder: Path, name: str) -> None:
    """Load the tables into a database of the tool's own engine; no part of the comparison."""
    import duckdb

    with duckdb.connect(str(folder / f"{name}.duckdb")) as connection:
        for side in ("left", "right"):
            file = str(folder / f"{side}.parquet")
            connection.execute(f"create table {side}_lines as from read_parquet(?)", [file])


CONTENDERS: Final[Mapping[str, Callable[[Path], float | None]]] = {
    "polars": polars_join,
    "pandas": pandas_merge,
    "datacompy-polars": datacompy_polars,
    "datacompy-pandas": datacompy_pandas,
    "reladiff": reladiff,
    "data-diff": data_diff,
}


def main() -> None:
    """Run one tool, or prepare its database."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    if name.startswith("prepare:"):
        prepare_database(folder, name.partition(":")[2])
        return
    first = CONTENDERS[name](folder)
    if first is None:
        shutil.copy(folder / "breaks.csv", folder / "first.csv")
    sys.stdout.write(json.dumps({"first_cpu_seconds": first}) + "\n")


if __name__ == "__main__":
    main()
