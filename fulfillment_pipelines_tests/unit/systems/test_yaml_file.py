from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel, TypeAdapter

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.yaml_file import read_yaml

Write = Callable[..., Path]


class Limits(BaseModel):
    minutes: int
    names: list[str] = []


LIMITS = TypeAdapter(dict[str, Limits])


def read(path: Path) -> dict[str, Limits]:
    return read_yaml(path, LIMITS, what="limits file")


def test_file_that_fits_is_read_with_its_anchors(write: Write) -> None:
    path = write("a: &a {minutes: 5, names: [x]}\nb: {<<: *a, minutes: 6}\n")
    assert read(path) == {"a": Limits(minutes=5, names=["x"]), "b": Limits(minutes=6, names=["x"])}


def test_error_in_a_merged_part_is_at_the_line_it_was_written(write: Write) -> None:
    path = write("a: &a\n  names: [x, 3]\n  minutes: 1\nb:\n  <<: *a\n")
    with pytest.raises(ConfigurationError) as raised:
        read(path)
    assert raised.value.what.startswith(f"{path}:2: ")
    assert raised.value.found == "3"


def test_all_lines_that_do_not_fit_are_listed(write: Write) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(write("a: {minutes: soon}\nb:\n  names: []\n"))
    assert "line 1: minutes: Input should be a valid integer" in raised.value.expected
    assert "line 2: minutes: Field required" in raised.value.expected


def test_list_of_misfits_is_cut_and_says_so(write: Write) -> None:
    with pytest.raises(ConfigurationError, match="and 2 lines more"):
        read(write("".join(f"k{number}: {{minutes: soon}}\n" for number in range(7))))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: {minutes: 1}\na: {minutes: 2}\n", 2, "the key 'a' stands twice"),
        ("a: {minutes: 1, minutes: 2}\n", 1, "the key 'minutes' stands twice"),
        ("a: [1\nb: 2\n", 2, "is not YAML"),
        ("a: *nobody\n", 1, "is not YAML"),
        ("- a\n", 1, "is not valid"),
        ("", 1, "is not valid"),
    ],
)
def test_text_that_is_no_such_file_is_told_by_line(write: Write, text: str, line: int, said: str) -> None:
    path = write(text)
    with pytest.raises(ConfigurationError, match=said) as raised:
        read(path)
    assert raised.value.what.startswith(f"{path}:{line}: ")


def test_file_that_is_absent_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.yaml cannot be read"):
        read(tmp_path / "absent.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match=r"binary\.yaml cannot be read"):
        read(tmp_path / "binary.yaml")
