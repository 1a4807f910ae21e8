"""An import without what nobody uses: absent packages stay absent, unread ones are read when something is wanted."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fulfillment_pipelines.canonical.light_import import importing_without

PACKAGES = {
    "light_library": (
        "import light_charts\ntry:\n    import light_store.client as store\nexcept ImportError:\n    store = None\n"
    ),
    "light_charts": "from light_marks import MARKS\nMARKS.append('charts')\nCOLOUR = 'red'\n",
    "light_marks": "MARKS = []\n",
    "light_store": "",
    "light_store.client": "",
}

# A process of its own: what another test has read stays read.
WARM_UP = """
import sys
from fulfillment_pipelines.canonical.expectations import Validator
from fulfillment_pipelines.warehouse import scratch
with Validator(scratch()) as validator:
    validator.warm_up()
    print("great_expectations" in sys.modules, "altair.vegalite" in sys.modules)
"""


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Packages of this test; a library reads charts, and a store's client where that is installed."""
    for name, text in PACKAGES.items():
        package = tmp_path.joinpath(*name.split("."))
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0].startswith("light_")]:
        del sys.modules[name]


def test_what_is_left_out_is_absent_and_what_is_not_used_is_not_read() -> None:
    with importing_without(absent=frozenset({"light_store"}), unread=frozenset({"light_charts"})):
        library = importlib.import_module("light_library")
    assert library.store is None
    marks = importlib.import_module("light_marks").MARKS
    assert marks == []
    assert library.light_charts.COLOUR == "red"
    assert marks == ["charts"]


def test_afterwards_everything_is_found_as_ever() -> None:
    with importing_without(absent=frozenset({"light_store"}), unread=frozenset()):
        pass
    assert importlib.import_module("light_library").store is importlib.import_module("light_store.client")


def test_what_is_loaded_already_stays() -> None:
    client = importlib.import_module("light_store.client")
    with importing_without(absent=frozenset({"light_store"}), unread=frozenset()):
        assert importlib.import_module("light_library").store is client


def test_another_thread_imports_as_ever_meanwhile() -> None:
    found = []
    with importing_without(absent=frozenset({"light_store"}), unread=frozenset()):
        other = threading.Thread(target=lambda: found.append(importlib.import_module("light_library").store))
        other.start()
        other.join()
    assert [store.__name__ for store in found] == ["light_store.client"]


def test_the_expectations_are_made_without_reading_charts() -> None:
    asked = subprocess.run([sys.executable, "-c", WARM_UP], check=True, capture_output=True, text=True)
    assert asked.stdout.split() == ["True", "False"]
