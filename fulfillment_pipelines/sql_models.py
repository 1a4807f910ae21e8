"""One SQL file with its header: how the folders under `sql/` are read.

A header is the run of `-- name: value` lines at the top of a file. Running a model, and what a header's
entries mean, belong to the stage that owns the folder.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
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

    @cached_property
    def tables(self) -> frozenset[str]:
        """Names of the tables the select reads, without its own common table expressions."""
        tree = sqlglot.parse_one(self.body, read="duckdb")
        own = {cte.alias for cte in tree.find_all(exp.CTE)}
        return frozenset(table.name for table in tree.find_all(exp.Table) if table.name and table.name not in own)

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


@lru_cache(maxsize=512)
def _retargeted(statement: str, names: tuple[tuple[str, str], ...]) -> str:
    tree = sqlglot.parse_one(statement, read="duckdb")
    replacements = dict(names)
    for table in tree.find_all(exp.Table):
        if table.name in replacements:
            table.set("this", exp.to_identifier(replacements[table.name]))
    for column in tree.find_all(exp.Column):
        if column.table in replacements:
            column.set("table", exp.to_identifier(replacements[column.table]))
    return tree.sql(dialect="duckdb")


def retarget(statement: str, names: Mapping[str, str]) -> str:
    """Return a statement with table names replaced: how one statement serves many tables without string building."""
    return _retargeted(statement, tuple(sorted(names.items())))


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
