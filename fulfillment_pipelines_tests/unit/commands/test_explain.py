"""`fulfillment explain` and `causes` as they are typed, over a lake that a run has made before any system was asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.commands.opening import opened_platform
from fulfillment_pipelines.loop import stages

Fulfillment = Callable[..., Any]


@pytest.fixture
def reconciled(runtime: Path) -> Path:
    """The runtime folder with a lake in which a run had nothing to compare."""
    with opened_platform(None) as platform:
        stages.reconcile(platform, full=True)
    return runtime


def test_an_order_that_nobody_knows_is_told_with_a_remedy(fulfillment: Fulfillment, reconciled: Path) -> None:
    del reconciled
    said = fulfillment("explain", "SO-1/2")
    assert said.exit_code == 1
    assert "Nothing is known of 'SO-1/2'" in said.stderr
    assert "fulfillment run" in said.stderr


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize("words", [("explain", "SO-1"), ("causes",)])
def test_before_the_first_run_the_run_is_named(fulfillment: Fulfillment, words: tuple[str, ...]) -> None:
    said = fulfillment(*words)
    assert said.exit_code == 1
    assert "fulfillment run" in said.stderr


def test_feeds_that_were_never_pulled_are_one_cause(fulfillment: Fulfillment, reconciled: Path) -> None:
    del reconciled
    said = fulfillment("causes", "--json")
    assert said.exit_code == 0
    (cause,) = said.json()["causes"]
    assert cause["codes"] == ["SYS-01"]
    assert said.json()["uncovered_count"] == 0
