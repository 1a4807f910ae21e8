"""One SQL file with its header: how the folders under `sql/` are read.

A header is the run of `-- name: value` lines at the top of a file. Running a model, and what a header's
entries mean, belong to the stage that owns the folder.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import sqlglot
from sqlglot import exp

from fulfillment_pipelines.errors import ConfigurationError

_HEADER_LINE = re.compile(r"^--\s*([a-z_]+):\s*(.*?)\s*$")
_PARAMETER = re.compile(r"\$([a-z][a-z0-9_]*)")


@dataclass(frozen=True)
class SqlModel:
    """One SQL file: a header and one select.

    Attributes:
        name: The file's stem, which is the name of the table it makes.
        header: The header's entries.
        body: The whole text, header included.
        path: Where the file is.
    """

    name: str
    header: Mapping[str, str]
    body: str
    path: Path

    @cached_property
    def version(self) -> str:
        """Hash of the text: two runs with the same version decided by the same words."""
        return hashlib.sha256(self.body.encode()).hexdigest()[:12]

    @cached_property
    def parameters(self) -> frozenset[str]:
        """Names of the bound parameters the select takes."""
        return frozenset(_PARAMETER.findall(self._without_comments))

    @property
    def tables(self) -> frozenset[str]:
        """Names of the tables the select reads, without its own common table expressions."""
        return _read_and_given(self.body)[0]

    @property
    def behind(self) -> frozenset[str]:
        """Names of the tables that must be made before: those it reads, and those its header says it is after."""
        return self.tables.union(self.listed("after"))

    @property
    def columns(self) -> frozenset[str]:
        """Names of the columns the select gives."""
        return _read_and_given(self.body)[1]

    @cached_property
    def _without_comments(self) -> str:
        return re.sub(r"--[^\n]*", "", self.body)

    def required(self, entry: str) -> str:
        """Return a header entry.

        Raises:
            ConfigurationError: The header has no such entry, or it is empty.
        """
        if not self.header.get(entry):
            raise ConfigurationError(
                f"{self.path.name} has no header entry '{entry}'.",
                expected=f"a line `-- {entry}: ...` at the top of the file",
                found=", ".join(sorted(self.header)) or "no header",
                remedy="add the line; CONTRIBUTING.md shows a whole header",
            )
        return self.header[entry]

    def listed(self, entry: str) -> tuple[str, ...]:
        """Return a header entry that is a list separated by commas; empty where it is absent."""
        return tuple(item.strip() for item in self.header.get(entry, "").split(",") if item.strip())


@lru_cache(maxsize=1024)
def _read_and_given(body: str) -> tuple[frozenset[str], frozenset[str]]:
    """Parse a select once, however many platforms read its file: parsing all of them takes a second."""
    tree = sqlglot.parse_one(body, read="duckdb")
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    tables = (table.name for table in tree.find_all(exp.Table) if table.name and table.name not in own)
    return frozenset(tables), frozenset(tree.named_selects if isinstance(tree, exp.Query) else ())


def read_model(path: Path) -> SqlModel:
    """Read one SQL file.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    try:
        body = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"The SQL file {path.name} cannot be read.",
            expected=f"a file in {path.parent.name}/",
            found=error.strerror or type(error).__name__,
            remedy="restore the file from version control",
        ) from error
    return SqlModel(name=path.stem, header=_header(body), body=body, path=path)


def read_models(folder: Path) -> tuple[SqlModel, ...]:
    """Read every SQL file of a folder, in the order of their names."""
    return tuple(read_model(path) for path in sorted(folder.glob("*.sql")))


def in_reading_order(models: Sequence[SqlModel]) -> tuple[SqlModel, ...]:
    """Return the models of one folder, each behind those whose tables it reads, or that its header says it is after.

    Raises:
        ConfigurationError: Some read each other in a circle.
    """
    by_name = {model.name: model for model in models}
    read = {name: sorted(by_name.keys() & model.behind - {name}) for name, model in by_name.items()}
    try:
        return tuple(by_name[name] for name in TopologicalSorter(read).static_order())
    except CycleError as error:
        raise ConfigurationError(
            "Models read each other in a circle.",
            expected="each to read only what is made before it",
            found=" <- ".join(error.args[1]),
            remedy="take one of these tables out of the SQL, or out of the header's `after`",
        ) from error


@lru_cache(maxsize=2048)
def _retargeted(statement: str, names: tuple[tuple[str, str], ...], columns: tuple[tuple[str, str], ...]) -> str:
    tree = sqlglot.parse_one(statement, read="duckdb")
    tables, own = dict(names), dict(columns)
    for table in tree.find_all(exp.Table):
        if table.name in tables:
            table.set("this", exp.to_identifier(tables[table.name]))
    for column in tree.find_all(exp.Column):
        if column.table in tables:
            column.set("table", exp.to_identifier(tables[column.table]))
        if column.name in own:
            column.set("this", exp.to_identifier(own[column.name]))
    return tree.sql(dialect="duckdb")


def retarget(statement: str, names: Mapping[str, str], columns: Mapping[str, str] | None = None) -> str:
    """Return a statement with table names replaced: how one statement serves many tables without string building.

    Args:
        statement: One SQL statement.
        names: Table names by the name that the statement uses.
        columns: Column names, likewise.
    """
    return _retargeted(statement, tuple(sorted(names.items())), tuple(sorted((columns or {}).items())))


def _header(body: str) -> dict[str, str]:
    """Read `-- name: value` lines down to the first line that is not a comment; `--     text` continues a value."""
    entries: dict[str, str] = {}
    last = ""
    for line in body.splitlines():
        if not line.startswith("--"):
            break
        if match := _HEADER_LINE.match(line):
            last = match[1]
            entries[last] = match[2]
        elif last and line.startswith("--   "):
            entries[last] = f"{entries[last]} {line.removeprefix('--').strip()}".strip()
    return entries
