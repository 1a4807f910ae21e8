"""The table of faults in `docs/` speaks of tests that exist; that each row is what its test gives, the test holds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def test_every_row_of_the_table_names_a_test_that_is_run(
    fault_rows: Sequence[Any], shown_as: Callable[[str], str]
) -> None:
    folder = Path(__file__).parent
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-p", "no:cacheprovider", str(folder)]
    listed = subprocess.run(command, cwd=folder.parents[1], capture_output=True, text=True, check=True).stdout
    run = {shown_as(line) for line in listed.splitlines() if "::" in line}
    assert fault_rows
    assert sorted({row.test for row in fault_rows} - run) == []


def test_a_test_is_named_alike_on_both_ledgers(shown_as: Callable[[str], str]) -> None:
    named = {
        shown_as(f"tests/faults/test_x.py::test_y[{parameters}]")
        for parameters in ("sqlite-a fault", "a fault-postgresql")
    }
    assert named == {"test_x.py::test_y[a fault]"}
    assert shown_as("tests/test_x.py::test_y[sqlite]") == "test_x.py::test_y"
