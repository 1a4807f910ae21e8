"""A small file beside the lake that says which policies are in force, for processes that have read them at their start.

Who changes a policy writes it; who works with policies looks at it now and then, and reads them anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FILE: Final = "policies.changed"


def write_mark(folder: Path, version: str) -> None:
    """Say in one move which version of the policies is in force from now on.

    Args:
        folder: The deployment's runtime folder.
        version: Of the policies.
    """
    part = folder / f"{_FILE}.part"
    part.write_text(version, encoding="utf-8")
    part.replace(folder / _FILE)


def read_mark(folder: Path) -> str:
    """Return which version was put in force last by a person in the console; empty for none."""
    try:
        return (folder / _FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
