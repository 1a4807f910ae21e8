"""The command line in this process: what is typed goes through `cli.main`, as from the entry point."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from stamina.instrumentation import set_on_retry_hooks

from fulfillment_pipelines import cli
from fulfillment_pipelines.commands.opening import opened_platform


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    exit_code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        return json.loads(self.stdout)


Fulfillment = Callable[..., Said]


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty runtime folder, which the environment names; nothing else is set."""
    for name in list(os.environ):
        if name.startswith(("FULFILLMENT_", "OLIST_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FULFILLMENT_RUNTIME_DIR", str(tmp_path / "runtime"))
    return tmp_path / "runtime"


@pytest.fixture
def fulfillment(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Fulfillment]:
    """Type a command and return what it said."""
    del runtime

    def type_command(*words: str) -> Said:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["fulfillment", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        code = ended.value.code
        return Said(code if isinstance(code, int) else int(code is not None), said.out, said.err)

    yield type_command
    set_on_retry_hooks(None)


@pytest.fixture
def lake(runtime: Path) -> Path:
    """The runtime folder with an empty lake and an empty ledger."""
    with opened_platform(None):
        pass
    return runtime
