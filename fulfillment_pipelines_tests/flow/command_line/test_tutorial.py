"""The tutorial is executed word for word: its commands are typed, and what they print is what stands below them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LEFT_OUT = "…"
LONGEST_SECONDS = 300


@dataclass(frozen=True)
class Step:
    """One block of commands and what it should print; None where the text shows nothing."""

    commands: str
    expected: str | None


def steps_of(text: str) -> list[Step]:
    steps: list[Step] = []
    for kind, content in BLOCK.findall(text):
        if kind == "sh":
            steps.append(Step(content, None))
        else:
            assert steps[-1].expected is None, f"two outputs behind {steps[-1].commands}"
            steps[-1] = Step(steps[-1].commands, content)
    return steps


def shows(expected: str, printed: str) -> bool:
    pattern = re.escape(expected.strip()).replace(re.escape(LEFT_OUT), r"[\s\S]*?")
    return re.fullmatch(pattern, "\n".join(line.rstrip() for line in printed.strip().splitlines())) is not None


def typed(steps: list[Step], folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Type all blocks into one shell; return what each printed."""
    marked = "".join(f"printf '\\n@@%s@@\\n' {number}\n{step.commands}" for number, step in enumerate(steps))
    ended = subprocess.run(
        ["bash", "-c", f"set -e\nexec 2>&1\n{marked}"],
        cwd=folder,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS,
    )
    printed = re.split(r"\n@@\d+@@\n", ended.stdout)[1:]
    assert ended.returncode == 0, f"it broke off:\n{steps[len(printed) - 1].commands}\n{printed[-1]}"
    return printed


def test_what_is_left_out_matches_anything_and_all_else_only_itself() -> None:
    assert shows("…\n│a │ 1 …\n…", "title\n│a │ 1 more\nend")
    assert not shows("…\n│a │ 1 …\n…", "title\n│a │ 2 more\nend")
    assert not shows("one", "one\ntwo")


def test_the_tutorial_does_what_it_says(project_root: Path, tmp_path: Path) -> None:
    steps = steps_of((project_root / "docs" / "connect-your-own-system.md").read_text(encoding="utf-8"))
    shutil.copytree(project_root / "data" / "seeds", tmp_path / "data" / "seeds")
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
        **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
    }
    for step, printed in zip(steps, typed(steps, tmp_path, environment), strict=True):
        if step.expected is not None and not shows(step.expected, printed):
            pytest.fail(f"{step.commands}\nprinted\n{printed}\nand not\n{step.expected}")
