"""What an installation rests on: the lock file, the licence, the import contracts."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REQUIREMENT = re.compile(r"^(?P<name>[a-z0-9][a-z0-9-]*)(?:\[[a-z0-9,-]+\])?==\S+")
HASH = re.compile(r"^ +--hash=sha256:[0-9a-f]{64}( \\)?$")


@pytest.fixture(scope="module")
def lock_lines(project_root: Path) -> list[str]:
    lines = (project_root / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_every_line_of_the_lock_is_a_pin_or_a_hash(lock_lines: list[str]) -> None:
    """So it names no host, no path and no option that would send an installer to one."""
    assert [line for line in lock_lines if not (REQUIREMENT.match(line) or HASH.match(line))] == []
    assert [line for line in lock_lines if "://" in line or "@" in line] == []


def test_every_pin_of_the_lock_has_a_hash(lock_lines: list[str]) -> None:
    followers = zip(lock_lines, [*lock_lines[1:], ""], strict=True)
    assert [line for line, following in followers if REQUIREMENT.match(line) and not HASH.match(following)] == []


def test_the_lock_holds_every_declared_dependency(lock_lines: list[str], project_root: Path) -> None:
    project = tomllib.loads((project_root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    names = {re.split(r"[\[<>=~! ]", requirement)[0] for requirement in declared} - {project["name"]}
    locked = {found["name"] for line in lock_lines if (found := REQUIREMENT.match(line))}
    assert sorted(names - locked) == []


def test_the_licence_is_apache_2_in_text_and_metadata(project_root: Path) -> None:
    project = tomllib.loads((project_root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (project_root / "LICENSE").read_text(encoding="utf-8")
    assert project["license"] == "Apache-2.0"
    assert project["license-files"] == ["LICENSE"]
    assert re.match(r"\s*Apache License\s+Version 2\.0, January 2004", text)
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize(
    ("contract", "module", "statement"),
    [
        ("layers", "domain/finding.py", "import fulfillment_pipelines.reconcile.rules"),
        ("twin-knows-nothing", "twin/world/books.py", "import fulfillment_pipelines.settings"),
        ("twin-is-a-stranger", "loop/stages.py", "import fulfillment_pipelines.twin.world.books"),
        ("dagster-at-the-rim", "reconcile/tolerances.py", "import dagster"),
        ("duckdb-behind-warehouse", "exceptions/sla.py", "import duckdb"),
        ("sqlalchemy-at-the-border", "exceptions/routing.py", "import sqlalchemy"),
        ("httpx-at-the-border", "corrections/delivering/dispatch.py", "import httpx"),
        ("great-expectations-in-one-place", "canonical/models.py", "import great_expectations"),
        ("pyspark-behind-its-engine", "reconcile/rules.py", "import pyspark"),
    ],
)
def test_an_import_against_the_design_breaks_its_contract(
    contract: str, module: str, statement: str, project_root: Path, tmp_path: Path
) -> None:
    package = project_root / "fulfillment_pipelines"
    shutil.copytree(package, tmp_path / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(project_root / "pyproject.toml", tmp_path)
    with (tmp_path / package.name / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{statement}\n")
    check = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    checked = subprocess.run(
        [sys.executable, "-c", check, "--no-cache", "--no-logo", "--contract", contract],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 1, checked.stdout + checked.stderr
    assert "0 kept, 1 broken" in checked.stdout
    assert statement.removeprefix("import ") in checked.stdout
