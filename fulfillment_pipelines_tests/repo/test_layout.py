"""The repository's shape: its top level, the size and names of its files, and what no file may hold."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

TOP_LEVEL = {
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "bench",
    "dagster.yaml",
    "data",
    "deploy",
    "docs",
    "fulfillment_pipelines",
    "fulfillment_pipelines_tests",
    "pyproject.toml",
    "requirements.lock",
    "scripts",
    "sql",
    "workspace.yaml",
}
LONGEST_FILE_LINES = 400
JUNK_DRAWERS = {"common", "helper", "helpers", "misc", "util", "utils"}
# A home or a build machine's folder, with something in it. URLs have no such start.
MACHINE_PATH = re.compile(r"(?<![\w./$}])/(?:root|home|Users|work|opt|workspace|builds)/[\w.]")


def test_the_top_level_is_exactly_the_documented_one(repository_files: list[Path], project_root: Path) -> None:
    assert {path.relative_to(project_root).parts[0] for path in repository_files} == TOP_LEVEL


def test_no_file_of_the_package_is_longer_than_its_reader_can_hold(package_files: list[Path]) -> None:
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in package_files}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE_LINES} == {}


def test_no_module_is_a_junk_drawer(package_files: list[Path], project_root: Path) -> None:
    named = {path: set(path.relative_to(project_root).with_suffix("").parts) for path in package_files}
    assert [str(path) for path, parts in named.items() if parts & JUNK_DRAWERS] == []


def test_a_machine_path_is_recognised_and_a_url_is_not() -> None:
    folder = "home"
    assert MACHINE_PATH.search(f"open('/{folder}/someone/x')")
    assert not MACHINE_PATH.search("https://example.test/home/page and data/runtime/work/x")


def test_no_file_names_a_path_of_one_machine(repository_files: list[Path], project_root: Path) -> None:
    offenders = [
        f"{path.relative_to(project_root)}:{number}: {line.strip()}"
        for path in repository_files
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if MACHINE_PATH.search(line)
    ]
    assert offenders == []


def test_every_seed_is_a_yaml_mapping(project_root: Path) -> None:
    seeds = sorted((project_root / "data" / "seeds").rglob("*.yaml"))
    assert seeds
    parsed = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in seeds}
    assert [name for name, content in parsed.items() if not isinstance(content, dict)] == []


def test_the_changelog_says_what_is_not_yet_released(project_root: Path) -> None:
    changelog = (project_root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## \[?Unreleased\]?$", changelog, re.MULTILINE)
