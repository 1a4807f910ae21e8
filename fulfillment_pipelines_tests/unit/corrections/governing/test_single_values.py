"""One value of a policy file changed in its text: everything else stays as people have written it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fulfillment_pipelines.corrections.governing.nesting import require_shallow
from fulfillment_pipelines.corrections.governing.single_values import with_raised_version, with_value
from fulfillment_pipelines.errors import BadDataError

ROOT = Path(__file__).parents[4]
TEXT = """# how much — and why
version: 1
tolerances:
  grace: {value: 24, unit: hours}  # agreed
  other: {value: 24, unit: hours}
"""


def test_only_the_value_changes() -> None:
    changed = with_value(TEXT, ("tolerances", "grace", "value"), "0.5")
    assert changed == TEXT.replace("grace: {value: 24", "grace: {value: 0.5")


@pytest.mark.parametrize("value", ["", "1, unit: x", "a b", "}", "1\n2", "# x", "-1"])
def test_what_is_neither_a_number_nor_a_word_is_refused(value: str) -> None:
    with pytest.raises(BadDataError, match="cannot stand there"):
        with_value(TEXT, ("tolerances", "grace", "value"), value)


@pytest.mark.parametrize("location", [("tolerances", "none", "value"), ("tolerances",), ("version", "value")])
def test_a_place_without_a_value_is_refused(location: tuple[str, ...]) -> None:
    with pytest.raises(BadDataError, match="There is no value"):
        with_value(TEXT, location, "1")


def test_the_version_of_a_changed_file_is_raised_once() -> None:
    changed = TEXT.replace("24", "12")
    raised = with_raised_version(TEXT, changed)
    assert raised == changed.replace("version: 1", "version: 2")
    assert with_raised_version(TEXT, raised) == raised
    assert with_raised_version(TEXT, TEXT) == TEXT


@pytest.mark.parametrize("text", ["version: [", "version: 'x'\n", "- 1\n", "a: 1\n"])
def test_a_text_without_a_version_stays_as_it_is(text: str) -> None:
    assert with_raised_version(TEXT, text) == text


@pytest.mark.parametrize("text", ["a: " + "[" * 200_000, "a: " + "{b: " * 20_000, "- " * 20_000])
def test_a_text_that_would_exhaust_who_reads_it_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(BadDataError, match=r"Line 1: .* nested too deeply"):
        with_raised_version(TEXT, text)


def test_no_policy_file_is_too_deep() -> None:
    paths = sorted((ROOT / "data" / "seeds").glob("*.yaml"))
    assert paths
    for path in paths:
        require_shallow(path.read_text(encoding="utf-8"))
