"""House rules of Python code that ruff and mypy do not know."""

from __future__ import annotations

import ast
import re
import tokenize
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from sys import stdlib_module_names

LONGEST_FUNCTION_LINES = 40
SQL_START = re.compile(r"\s*(?:select|insert|update|delete|create|merge|alter|drop|with)\s", re.IGNORECASE)
# Message texts may begin with such a word too, but no SQL statement lacks one of these behind it.
SQL_CLAUSE = re.compile(r"\b(?:from|into|set|table|view|schema|as)\b", re.IGNORECASE)
NOQA = re.compile(r"#\s*noqa\b(?P<rest>.*)", re.IGNORECASE)
NOQA_WITH_REASON = re.compile(r":\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*\s+--?\s+\S+\s\S")


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _parsed(files: list[Path]) -> Iterator[tuple[Path, ast.Module]]:
    yield from ((path, ast.parse(path.read_text(encoding="utf-8"))) for path in files)


def _leading_text(node: ast.AST) -> str:
    """Return the fixed text of a template that is filled at run time; empty where it is no template.

    Joining two whole parts with `+` is not one: `create view x as` cannot take its select as a bound parameter.
    """
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value for part in node.values if isinstance(part, ast.Constant))
    template: ast.AST | None = None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        template = node.left
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        template = node.func.value
    return template.value if isinstance(template, ast.Constant) and isinstance(template.value, str) else ""


def _templated_statements(tree: ast.Module) -> list[int]:
    """Return the lines on which values are filled into SQL text."""
    texts = ((node, _leading_text(node)) for node in ast.walk(tree))
    return [node.lineno for node, text in texts if SQL_START.match(text) and SQL_CLAUSE.search(text)]


def _bare_waivers(path: Path) -> list[int]:
    """Return the lines whose noqa gives no rule or no reason."""
    with path.open("rb") as lines:
        comments = [token for token in tokenize.tokenize(lines.readline) if token.type == tokenize.COMMENT]
    found = ((token.start[0], NOQA.search(token.string)) for token in comments)
    return [line for line, noqa in found if noqa and not NOQA_WITH_REASON.match(noqa["rest"])]


def test_every_module_says_what_belongs_there(package_files: list[Path]) -> None:
    assert [path.name for path, tree in _parsed(package_files) if not ast.get_docstring(tree)] == []


def _lines_without_docstring(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """What a reader must hold in mind: a docstring is there to be read first and let go."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is None:
        return lines
    return lines - ((first.end_lineno or first.lineno) - first.lineno + 1)


def test_every_function_fits_a_screen(package_files: list[Path]) -> None:
    lengths = {
        f"{path.name}:{node.lineno} {node.name}": _lines_without_docstring(node)
        for path, tree in _parsed(package_files)
        for node in _functions(tree)
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION_LINES} == {}


def test_sql_in_a_template_is_recognised() -> None:
    built = [
        'f"select * from {table}"',
        '"delete from {}".format(table)',
        '"drop table %s" % table',
        "f'''\n    with x as (select 1) select {y} from x'''",
    ]
    harmless = ['f"create {path}, or remove it"', 'f"The table {name} is not there"', '"select a from b"', 'x + "a"']
    assert [code for code in built if not _templated_statements(ast.parse(code))] == []
    assert [code for code in harmless if _templated_statements(ast.parse(code))] == []


def test_no_sql_is_filled_into_a_template(package_files: list[Path]) -> None:
    assert [f"{path}:{line}" for path, tree in _parsed(package_files) for line in _templated_statements(tree)] == []


def test_a_noqa_without_a_reason_is_recognised(tmp_path: Path) -> None:
    sample = tmp_path / "sample.py"
    marker = "no" + "qa"
    sample.write_text(
        f"a = 1  # {marker}\nb = 2  # {marker}: E501\nc = 3  # {marker}: E501 -- the key is that long\n",
        encoding="utf-8",
    )
    assert _bare_waivers(sample) == [1, 2]


def test_every_noqa_carries_its_reason(repository_files: list[Path]) -> None:
    python_files = [path for path in repository_files if path.suffix == ".py"]
    assert [f"{path}:{line}" for path in python_files for line in _bare_waivers(path)] == []


def test_only_the_warehouse_connects_to_duckdb(package_files: list[Path]) -> None:
    connecting = [
        f"{path}:{node.lineno}"
        for path, tree in _parsed(package_files)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "duckdb.connect" and path.parent.name != "warehouse"
    ]
    assert connecting == []


def test_every_imported_package_is_a_declared_dependency(package_files: list[Path], project_root: Path) -> None:
    project = tomllib.loads((project_root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = (names for extra, names in project["optional-dependencies"].items() if extra != "dev")
    requirements = [*project["dependencies"], *(name for names in extras for name in names)]
    declared = {_normal(re.split(r"[\[<>=~! ]", requirement)[0]) for requirement in requirements}
    imported = {
        name.partition(".")[0]
        for _, tree in _parsed(package_files)
        for node in ast.walk(tree)
        for name in _imported_names(node)
    }
    distributions = packages_distributions()
    foreign = imported - set(stdlib_module_names) - {"fulfillment_pipelines"}
    assert (
        sorted(name for name in foreign if not declared & {_normal(owner) for owner in distributions.get(name, [])})
        == []
    )


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _imported_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
