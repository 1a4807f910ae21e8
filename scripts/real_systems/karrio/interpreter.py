"""Finds Python 3.12, which Karrio needs, also where it is installed and not on the search path."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

VERSION = "3.12"
_TRIAL_SECONDS = 20


def python_of_karrio() -> str:
    """Return a Python 3.12 that runs; where none is found, the version, which uv may be allowed to download.

    `KARRIO_PYTHON` names another one.
    """
    named = os.environ.get("KARRIO_PYTHON")
    return named or next((path for path in _candidates() if _runs(path)), VERSION)


def _candidates() -> Iterator[str]:
    on_path = shutil.which(f"python{VERSION}")
    if on_path:
        yield on_path
    managed = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for folder in sorted(managed.glob(f"{VERSION}.*"), reverse=True):
        yield str(folder / "bin" / f"python{VERSION}")


def _runs(path: str) -> bool:
    trial = [path, "-c", "import ssl, sqlite3"]
    try:
        ended = subprocess.run(trial, capture_output=True, timeout=_TRIAL_SECONDS, check=False)  # noqa: S603 -- just found
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0
