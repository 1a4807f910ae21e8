"""Every command of the README is run, in its order; what the README says of the repository is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

_FILE = re.compile(r"^[\w./-]+\.(?:md|py|svg|toml|yaml)$|^[\w.-]+(?:/[\w.-]+)*/$")
_MENTIONED = re.compile(r"`([^`\n]+)`|\]\(([^)\n]+)\)")
_MADE_AT_INSTALL = ".venv"


@pytest.fixture(scope="module")
def readme(project_root: Path) -> str:
    return (project_root / "README.md").read_text(encoding="utf-8")


def test_a_command_of_the_readme_succeeds(readme_line: str, walk: Any) -> None:
    said = walk.up_to(readme_line)
    assert said.exit_code == 0, said.told


def test_what_the_walk_leaves_out_is_run_elsewhere(
    readme_lines: list[str], run_elsewhere: dict[str, str], project_root: Path
) -> None:
    assert set(run_elsewhere) <= set(readme_lines)
    for line, name in run_elsewhere.items():
        command = line.partition(" ")[2].removeprefix("twin ").split()[0]
        assert command in (project_root / name).read_text(encoding="utf-8"), line


def test_the_targets_of_the_readme_are_the_commands_that_are_tested(recipes: dict[str, str]) -> None:
    test = "pytest --numprocesses $(TEST_PROCESSES) --dist loadscope --no-loadscope-reorder"
    assert recipes == {"run": "fulfillment run --demo", "up": "fulfillment up", "test": test}


def test_the_build_server_runs_what_the_readme_says(project_root: Path) -> None:
    assert (project_root / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == "exec make test"


def test_the_table_of_rules_lists_exactly_the_rules(readme: str, project_root: Path) -> None:
    listed = re.findall(r"^\| ([A-Z]{3}-\d\d) \|", readme, re.MULTILINE)
    rules = (project_root / "sql" / "30_reconcile" / "rules").glob("*.sql")
    assert sorted(listed) == sorted(path.stem.upper().replace("_", "-") for path in rules)


def test_every_path_of_the_readme_exists(readme: str, project_root: Path) -> None:
    absent, checked = [], 0
    for line in readme.splitlines():
        folder = project_root
        for mentioned in ("".join(found) for found in _MENTIONED.findall(line)):
            if not _FILE.match(mentioned) or mentioned.startswith(_MADE_AT_INSTALL):
                continue
            checked += 1
            # A bare name stands in the folder of the path before it: `data/seeds/sla.yaml`, `routing.yaml`.
            path = project_root / mentioned if (project_root / mentioned).exists() else folder / mentioned
            folder = path.parent
            if not path.exists():
                absent.append(mentioned)
    assert absent == []
    assert checked > 10
