"""What bench/README.md says of the measurements is so, and pages and plots are of the figures that are kept."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from bench import kept, scale
from bench.pages import PAGES

ROW = re.compile(
    r"^\| \[(?P<name>\w+)\]\((?P<page>[^)]+)\) \| `make (?P<target>[\w-]+)` \| `python -m (?P<module>[\w.]+)`"
)
PLOTTED = re.compile(r"<dc:description>(\w+)\.json (\w+)</dc:description>")


@pytest.fixture(scope="module")
def index(project_root: Path) -> str:
    return (project_root / "bench" / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def rows(index: str) -> dict[str, re.Match[str]]:
    found = [match for line in index.splitlines() if (match := ROW.match(line))]
    assert len({match["name"] for match in found}) == len(found) > 0
    return {match["name"]: match for match in found}


def test_every_file_of_the_results_belongs_to_a_row_of_the_index(
    rows: dict[str, re.Match[str]], repository_files: list[Path], project_root: Path
) -> None:
    folder = project_root / "bench" / "results"
    results = [path for path in repository_files if path.parent == folder]

    assert results
    assert {path.stem for path in results} <= rows.keys()
    assert {path.suffix for path in results} <= {".md", ".json", ".svg"}


def test_every_row_names_a_module_that_writes_its_page_and_links_to_it(
    rows: dict[str, re.Match[str]], project_root: Path
) -> None:
    for name, row in rows.items():
        place = project_root.joinpath(*row["module"].split("."))
        module = place / "__main__.py" if place.is_dir() else place.with_suffix(".py")
        written = re.search(rf'"{name}(\.md)?"', module.read_text(encoding="utf-8"))

        assert row["page"] == f"results/{name}.md"
        assert written, f"{row['module']} does not write {name}"


def test_every_row_is_measured_by_its_target_and_by_make_bench(
    rows: dict[str, re.Match[str]], project_root: Path
) -> None:
    for target in {"bench", *(row["target"] for row in rows.values())}:
        planned = subprocess.run(
            ["make", "--dry-run", target], cwd=project_root, capture_output=True, text=True, check=True
        ).stdout.split()
        own = [row["module"] for row in rows.values() if target in {"bench", row["target"]}]

        assert set(own) <= set(planned), target


def test_every_module_of_the_benches_is_in_the_index(
    index: str, repository_files: list[Path], project_root: Path
) -> None:
    folder = project_root / "bench"
    modules = {
        path.relative_to(folder).parts[0].removesuffix(".py") for path in repository_files if _is_code(path, folder)
    }

    named = {name.removeprefix("python -m bench.") for name in re.findall(r"`([^`]+)`", index)}
    assert modules - {"__init__"} <= named


def _is_code(path: Path, folder: Path) -> bool:
    return path.suffix == ".py" and path.is_relative_to(folder)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_is_kept_and_nothing_else(name: str, project_root: Path) -> None:
    page = project_root / "bench" / "results" / f"{name}.md"
    figures = kept.kept(name)

    assert page.exists() == bool(figures)
    if figures:
        assert page.read_text(encoding="utf-8") == PAGES[name](figures), "make bench-plots"


def test_what_is_computed_on_paper_follows_from_what_is_kept() -> None:
    page = scale.PAGE.read_text(encoding="utf-8")

    assert scale.written(page) == page, "make bench-plots"


def test_a_plot_is_of_the_figures_that_are_kept(project_root: Path) -> None:
    plots = sorted((project_root / "bench" / "results").glob("*.svg"))

    assert plots
    for plot in plots:
        told = PLOTTED.search(plot.read_text(encoding="utf-8"))
        figures = plot.with_suffix(".json").read_bytes()
        assert told, plot.name
        assert told.groups() == (plot.stem, hashlib.sha256(figures).hexdigest()), "make bench-plots"


def test_a_size_that_is_measured_again_replaces_its_own_figures_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "RESULTS", tmp_path)
    kept.keep("cost", [{"lines": 10, "seconds": 4, "measured_on": "another day"}], by=("lines",))
    kept.keep("cost", [{"lines": 5, "seconds": 2}], by=("lines",))

    together = kept.keep("cost", [{"lines": 5, "seconds": 1}], by=("lines",))

    assert [(row["lines"], row["seconds"]) for row in together] == [(5, 1), (10, 4)]
    assert together[1]["measured_on"] == "another day"
    assert "load" in together[0]["measured_on"]
    assert kept.kept("cost") == together


def test_plots_can_be_read_on_white_and_on_black(project_root: Path) -> None:
    for plot in (project_root / "bench" / "results").glob("*.svg"):
        drawn = plot.read_text(encoding="utf-8").casefold()

        assert not re.search(r"(fill|stroke): ?(#000000|#ffffff|black|white)\b", drawn), plot.name
