"""What the repository's own tests share: where it is and which files are in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder of the checked-out repository."""
    return _ROOT


@pytest.fixture(scope="session")
def repository_files(project_root: Path) -> list[Path]:
    """Every file that is in version control or would be added to it."""
    if not (project_root / ".git").exists():
        pytest.skip("not a git checkout, so the repository's files are not known")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=True).stdout
    return [project_root / name for name in sorted(listed.split("\0")) if name and (project_root / name).is_file()]


@pytest.fixture(scope="session")
def package_files(project_root: Path) -> list[Path]:
    """Every Python file of the package."""
    return sorted((project_root / "fulfillment_pipelines").rglob("*.py"))


@pytest.fixture(scope="session")
def sql_files(project_root: Path) -> list[Path]:
    """Every SQL file under `sql/`."""
    return sorted((project_root / "sql").rglob("*.sql"))
