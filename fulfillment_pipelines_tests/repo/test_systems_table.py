"""The table of connected systems in docs/systems.md is counted, not written: YAML, SQL, and Python, of which none.

After a change of a declaration, `WRITE_SYSTEMS_TABLE=1` with this test writes the table anew.
"""

from __future__ import annotations

import ast
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

BEGIN, END = "<!-- systems: begin -->", "<!-- systems: end -->"
HEAD = (
    "| System | Role | Transport | Feeds | Messages | Lines of YAML | Lines of SQL | Lines of Python |",
    "|---|---|---|--:|--:|--:|--:|--:|",
)
# What the product is made of. The twin is a simulation of systems, and scripts start real ones: neither reads them.
NOT_THE_PRODUCT = "twin"
# Names that are words of the product too, for any system of the kind. A product's own name must not be one.
WORDS_OF_THE_TRADE = {"erp", "finance", "portal", "tms", "crm", "edi"}


@dataclass(frozen=True)
class Connected:
    """One declared system: its file and what is written for it."""

    path: Path
    declaration: dict[str, Any]
    sql: list[Path]
    python_lines: int


class _WithoutProse(ast.NodeTransformer):
    """Leaves docstrings out: they may say what a thing is good for."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return ast.copy_location(ast.Expr(ast.Constant(...)), node) if is_text else node


def code_of(source: str) -> str:
    """Return source without its comments and docstrings."""
    return ast.unparse(_WithoutProse().visit(ast.parse(source)))


def counted(path: Path, comment: str) -> int:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return sum(1 for line in lines if line and not line.startswith(comment))


@pytest.fixture(scope="module")
def connected(project_root: Path) -> list[Connected]:
    """Every system that ships with the project."""
    package = project_root / "fulfillment_pipelines"
    files = [*(package / "systems" / "declared").glob("*.yaml"), *(project_root / "data" / "samples").glob("*/*.yaml")]
    product = [path for path in package.rglob("*.py") if path.relative_to(package).parts[0] != NOT_THE_PRODUCT]
    lines = [line for path in product for line in code_of(path.read_text(encoding="utf-8")).casefold().splitlines()]
    found = []
    for path in sorted(files, key=lambda path: (path.parent != package / "systems" / "declared", path)):
        declaration = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "transport" not in declaration:
            continue
        name = declaration["system"]
        words = {path.parent.name, name} - WORDS_OF_THE_TRADE - {"declared"}
        named = re.compile("|".join(rf"\b{re.escape(word)}(?=\b|_)" for word in sorted(words)) or r"(?!)")
        sql = sorted((project_root / "sql" / "10_snapshots").glob(f"snap_{name}__*.sql"))
        python_lines = sum(1 for line in lines if named.search(line))
        found.append(Connected(path, declaration, sql, python_lines))
    return found


def table(systems: list[Connected], project_root: Path) -> str:
    rows = [
        f"| [{one.declaration['system']}](../{one.path.relative_to(project_root)}) | {one.declaration['role']} "
        f"| {one.declaration['transport']['kind']} | {len(one.declaration.get('entities', {}))} "
        f"| {len(one.declaration.get('messages', {}))} | {counted(one.path, '#')} "
        f"| {sum(counted(file, '--') for file in one.sql)} | {one.python_lines} |"
        for one in systems
    ]
    return "\n".join([*HEAD, *rows])


def test_the_table_of_connected_systems_is_what_is_counted(connected: list[Connected], project_root: Path) -> None:
    document = project_root / "docs" / "systems.md"
    text = document.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    shown, _, after = rest.partition(END)
    expected = table(connected, project_root)
    if os.environ.get("WRITE_SYSTEMS_TABLE"):
        document.write_text(f"{before}{BEGIN}\n\n{expected}\n\n{END}{after}", encoding="utf-8")
        pytest.skip("the table was written anew")
    assert shown.strip().splitlines() == expected.splitlines()


def test_no_line_of_the_product_is_written_for_one_system(connected: list[Connected]) -> None:
    assert {one.path.stem: one.python_lines for one in connected if one.python_lines} == {}


def test_a_line_that_knows_a_system_is_counted_and_prose_is_not() -> None:
    source = 'def f():\n    """For olist."""\n    # olist\n    return "olist" if 1 else 2\n'
    assert code_of(source).count("olist") == 1
