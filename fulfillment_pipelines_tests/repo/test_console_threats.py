"""Every threat that docs/console-security.md names is answered by a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

SHOWN_BY = re.compile(r"\| `([\w/]+\.py)::(test_\w+)` \|$", re.MULTILINE)


def test_every_threat_names_a_test_that_exists(project_root: Path) -> None:
    text = (project_root / "docs" / "console-security.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| Threat", "| ---"))]
    named = SHOWN_BY.findall(text)
    assert len(rows) == len(named) > 20
    folder = project_root / "fulfillment_pipelines_tests"
    assert [name for file, name in named if f"def {name}(" not in (folder / file).read_text(encoding="utf-8")] == []
