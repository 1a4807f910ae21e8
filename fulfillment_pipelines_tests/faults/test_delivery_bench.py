"""Hundreds of corrections, several dispatchers at once, one call in five that fails: a small run of the benchmark."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fulfillment_pipelines.ledger.unit_of_work import Ledger

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["keyed", "unkeyed"])
def test_one_call_in_five_fails_and_every_effect_is_there_once(
    ledger: Ledger, ledger_url: str, variant: str, tmp_path: Path
) -> None:
    ledger.close()
    command = [sys.executable, "-m", "bench.corrections", "--count", "75", "--failing", "0.2", "--ledger", ledger_url]
    command += ["--variant", variant, "--into", str(tmp_path / "corrections.md")]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    table = (tmp_path / "corrections.md").read_text(encoding="utf-8")
    row = re.search(r"^\| \w+ \| takes [^|]*\| (\d+) \| (\d+) \| (\d+) \| (\d+) \|", table, re.MULTILINE)
    assert row is not None
    assert dict(zip(("effects", "twice", "lost", "verified"), map(int, row.groups()), strict=True)) == {
        "effects": 75,
        "twice": 0,
        "lost": 0,
        "verified": 75,
    }
