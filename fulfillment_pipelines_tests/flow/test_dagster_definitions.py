"""The code location that `workspace.yaml` names is loaded by Dagster's own command, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_LOADED = """
import sys
import fulfillment_pipelines.definitions
print(sorted({"pandas", "great_expectations"} & set(sys.modules)))
"""


def _run(command: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DAGSTER_HOME": str(home), "FULFILLMENT_RUNTIME_DIR": str(home / "runtime")}
    (home / "dagster.yaml").write_bytes((_ROOT / "dagster.yaml").read_bytes())
    return subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_dagster_accepts_the_definitions(tmp_path: Path) -> None:
    validated = _run([sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"], tmp_path)
    assert validated.returncode == 0, validated.stdout + validated.stderr
    assert "fulfillment_pipelines" in validated.stdout + validated.stderr


def test_loading_the_definitions_imports_nothing_heavy_and_connects_to_nothing(tmp_path: Path) -> None:
    loaded = _run([sys.executable, "-c", _LOADED], tmp_path)
    assert loaded.stdout.strip() == "[]", loaded.stderr
    assert not (tmp_path / "runtime").exists()
