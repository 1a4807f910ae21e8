"""How commands speak: a table for people, the same rows as JSON for programs, errors with their remedy."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fulfillment_pipelines.errors import ConfigurationError, FulfillmentError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

EXIT_FAILED = 1
EXIT_CONFIGURATION = 2

_PIPED_WIDTH = 180


@dataclass(frozen=True, slots=True)
class Money:
    """Amounts by ISO 4217 code, shown in one column of a table; nothing is added up across currencies."""

    amounts: Mapping[str, Decimal]

    def __str__(self) -> str:
        return ", ".join(f"{amount:,.2f} {currency}".strip() for currency, amount in self.amounts.items())


_NUMBERS = (int, float, Decimal, Money)


def console() -> Console:
    """Return the console for results; what is piped is not folded at the width of a terminal that is not there."""
    shown = Console()
    return shown if shown.is_terminal else Console(width=_PIPED_WIDTH)


def show_rows(title: str, rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str = "nothing") -> None:
    """Print rows: a table whose columns are the first row's names, or a JSON list."""
    if as_json:
        show_json(list(rows))
        return
    if not rows:
        console().print(f"{title}: {empty}", markup=False)
        return
    table = Table(title=title, title_justify="left", header_style="bold", pad_edge=False)
    for name, value in rows[0].items():
        # An identity is there to be copied into the next command, so it is never cut; what has no room is folded.
        table.add_column(
            name.replace("_", " "),
            justify="right" if isinstance(value, _NUMBERS) else "left",
            no_wrap=name.endswith("_id"),
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(escape(_shown(value)) for value in row.values()))
    console().print(table)


def show_json(value: object) -> None:
    """Print a value as JSON: decimals, instants and what has no JSON form as text, dataclasses as objects."""
    typer.echo(json.dumps(_finite(value), default=_as_json, indent=2, ensure_ascii=False, allow_nan=False))


def show_error(error: FulfillmentError) -> int:
    """Print what happened, what was expected and found, and what to do; return the exit code."""
    told = Console(stderr=True)
    # Not folded: a path or a command that is told must be fit to be copied.
    told.print(f"[bold red]Error[/]     {escape(error.what)}", soft_wrap=True)
    for name, text in (("Expected", error.expected), ("Found", error.found), ("Remedy", error.remedy)):
        if text:
            told.print(f"[bold]{name:<9}[/] {escape(text)}", soft_wrap=True)
    return EXIT_CONFIGURATION if isinstance(error, ConfigurationError) else EXIT_FAILED


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def _finite(value: Any) -> Any:
    """Return the value with null for numbers that JSON does not know, as a query's division by zero gives."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


def _as_json(value: Any) -> Any:
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Decimal | Path | UUID | timedelta):
        return str(value)
    if isinstance(value, set | frozenset | tuple):
        return sorted(value) if isinstance(value, set | frozenset) else list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
