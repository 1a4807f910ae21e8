"""`fulfillment compare`: two tables row by row and field by field, such as an old feed and the one that follows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fulfillment_pipelines.commands.output import EXIT_FAILED, AsJson, show_json, show_rows
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.reconcile.comparing.passes import Comparing, Comparison, Row
from fulfillment_pipelines.reconcile.comparing.sources import is_file
from fulfillment_pipelines.reconcile.comparing.terms import Terms
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.warehouse import Connection, scratch

_SILENT_SECONDS = 2
_WRITABLE = frozenset({".parquet", ".csv"})

app = typer.Typer()

Side = Annotated[str, typer.Argument(help="Parquet or CSV file (wildcards may be quoted), table of the lake, or feed.")]
Key = Annotated[str, typer.Option(help="Columns that identify a row, separated by commas; the sorted one first.")]
Tolerances = Annotated[
    list[str] | None,
    typer.Option("--tolerance", help="COLUMN=NUMBER: how far apart two numbers may lie. May be repeated."),
]
Ignored = Annotated[str, typer.Option("--ignore", help="Columns that are not compared, separated by commas.")]
Renamed = Annotated[
    list[str] | None, typer.Option("--rename", help="RIGHT=LEFT: columns that correspond. May be repeated.")
]
Samples = Annotated[int, typer.Option(min=0, help="How many rows are shown of each kind of difference.")]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="Distributor file of the lake, where a side is a table of it.", dir_okay=False),
]
Out = Annotated[Path | None, typer.Option(help="Write all differences to this .parquet or .csv file.", dir_okay=False)]


@app.command()
def compare(
    left: Side,
    right: Side,
    *,
    key: Key,
    tolerances: Tolerances = None,
    ignored: Ignored = "",
    renamed: Renamed = None,
    samples: Samples = 3,
    out: Out = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Tell which rows are missing, extra or changed, and in which fields; exit with 1 if any are.

    Rows whose key repeats or has a null are told apart and compared with nothing. Decimals are compared exactly.

    Example: fulfillment compare old.parquet new.parquet --key order_id,line_no --tolerance amount=0.005 --out diff.csv
    """
    terms = Terms(
        key=_names(key),
        tolerances={name: _number(name, text) for name, text in _pairs("--tolerance", tolerances or [])},
        ignored=frozenset(_names(ignored)),
        renamed=dict(_pairs("--rename", renamed or [])),
        samples=samples,
    )
    _require_writable(out)
    with _connected(left, right, config) as connection:
        comparing = Comparing(connection, left, right, terms)
        with _progress(shown=not as_json) as progress:
            compared = comparing.run(progress=progress)
        if out is not None:
            comparing.write_differences(out)
    if as_json:
        show_json(asdict(compared) | {"is_same": compared.is_same})
    else:
        _show(compared, left, right)
    raise typer.Exit(0 if compared.is_same else EXIT_FAILED)


@contextmanager
def _connected(left: str, right: str, config: Path | None) -> Iterator[Connection]:
    """Open the lake where a side is a table of it; files need none."""
    settings = read_settings()
    if is_file(left) and is_file(right):
        warehouse = scratch(settings.duckdb_memory_limit, settings.duckdb_threads)
        try:
            with warehouse.reading() as connection:
                yield connection
        finally:
            warehouse.close()
        return
    # Opening a lake takes a second of imports that two files need not wait for.
    from fulfillment_pipelines.commands.opening import reading_lake  # noqa: PLC0415 - see above

    with reading_lake(config) as warehouse, warehouse.reading() as connection:
        yield connection


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _pairs(option: str, texts: list[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise ConfigurationError(
                f"{option} {text} cannot be read.",
                expected="a column, an equals sign and what is said of it",
                found=text,
                remedy=f"write, for example, {option} amount={'0.005' if option == '--tolerance' else 'total_amount'}",
            )
        yield name.strip(), value.strip()


def _number(name: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or number < 0:
        raise ConfigurationError(
            f"The tolerance of {name} is no number.",
            expected="a decimal number that is not negative",
            found=text,
            remedy=f"write, for example, --tolerance {name}=0.005",
        )
    return number


def _require_writable(out: Path | None) -> None:
    if out is not None and out.suffix.lower() not in _WRITABLE:
        raise ConfigurationError(
            f"It is not known how to write {out.name}.",
            expected=f"a name that ends with {' or '.join(sorted(_WRITABLE))}",
            found=out.suffix or "no ending",
            remedy="name a .parquet or a .csv file",
        )


@contextmanager
def _progress(*, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Show how far a comparison has come, where somebody looks and it takes longer than a moment."""
    told, began = Console(stderr=True), monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=told, transient=True, disable=not (shown and told.is_terminal)) as progress:
        task = progress.add_task("ranges compared", total=None, visible=False)
        yield lambda done, of: progress.update(
            task, completed=done, total=of, visible=monotonic() - began > _SILENT_SECONDS
        )


def _show(compared: Comparison, left: str, right: str) -> None:
    rows: list[dict[str, Any]] = [
        {"rows": "in all", "left": compared.left_rows, "right": compared.right_rows},
        {"rows": "the same", "left": compared.same_rows, "right": compared.same_rows},
        {"rows": "changed", "left": compared.changed_rows, "right": compared.changed_rows},
        {"rows": "missing on the right", "left": compared.missing_rows, "right": 0},
        {"rows": "extra on the right", "left": 0, "right": compared.extra_rows},
        {"rows": "key repeats", "left": compared.duplicate_left_rows, "right": compared.duplicate_right_rows},
        {"rows": "key has a null", "left": compared.keyless_left_rows, "right": compared.keyless_right_rows},
    ]
    show_rows(f"{left} and {right}", rows, as_json=False)
    changed = [field for field in compared.fields if field.changed_rows]
    told = [{"field": one.name, "tolerance": one.tolerance, "changed_rows": one.changed_rows} for one in changed]
    show_rows("Changed fields", told, as_json=False, empty="none")
    for field in changed:
        show_rows(f"Changed {field.name}", list(field.samples), as_json=False)
    _show_samples("Missing on the right", compared.missing_samples)
    _show_samples("Extra on the right", compared.extra_samples)
    _show_samples("Keys that repeat", compared.duplicate_samples)
    for told_as, names in (
        ("Only on the left", compared.only_left),
        ("Only on the right", compared.only_right),
        ("Binary numbers on both sides, not exact", compared.not_exact),
    ):
        _show_samples(told_as, tuple({"column": name} for name in names))


def _show_samples(title: str, rows: tuple[Row, ...]) -> None:
    if rows:
        show_rows(title, list(rows), as_json=False)
