from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.declaration import Reference
from fulfillment_pipelines.systems.references import References

Write = Callable[..., Path]
KEY = Reference(ref="ERP_KEY")


def resolve(references: References) -> str:
    return references.resolve(KEY, system="erp").get_secret_value()


def test_environment_comes_before_the_files_and_an_earlier_file_before_a_later(write: Write) -> None:
    first, second = write("ERP_KEY=first\n", "first.env"), write("ERP_KEY=second\n", "second.env")
    assert resolve(References({"ERP_KEY": "environment"}, [first, second])) == "environment"
    assert resolve(References({}, [first, second])) == "first"
    assert resolve(References({"ERP_KEY": ""}, [second])) == "second"


def test_plain_setting_is_its_own_value() -> None:
    assert References({}).resolve("http://erp", system="erp").get_secret_value() == "http://erp"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("ERP_KEY=a=b#c", "a=b#c"),
        ("export ERP_KEY = spaced ", "spaced"),
        ("ERP_KEY='quo ted'", "quo ted"),
        ('ERP_KEY="quo ted"', "quo ted"),
        ("# comment\n\nERP_KEY=after", "after"),
        ("ERP_KEY=old\nERP_KEY=new", "new"),
    ],
)
def test_dotenv_lines_are_read_as_written(write: Write, line: str, value: str) -> None:
    assert resolve(References({}, [write(line, "x.env")])) == value


def test_rotated_value_counts_at_once(write: Write) -> None:
    references = References({}, [write("ERP_KEY=old", "x.env")])
    assert resolve(references) == "old"
    write("ERP_KEY=new", "x.env")
    assert resolve(references) == "new"


def test_missing_reference_names_system_reference_and_where_it_was_looked_for(write: Write, tmp_path: Path) -> None:
    there, absent = write("OTHER=1", "there.env"), tmp_path / "absent.env"
    with pytest.raises(ConfigurationError) as raised:
        resolve(References({}, [there, absent]))
    assert raised.value.what == "The system 'erp' needs the reference ERP_KEY, which is not set."
    assert raised.value.expected == f"ERP_KEY in the environment or in {there} or in {absent} (does not exist)"


def test_line_that_assigns_nothing_is_named_and_not_shown(write: Write) -> None:
    path = write("A=1\nhunter2\n", "x.env")
    with pytest.raises(ConfigurationError, match=f"{path}:2: ") as raised:
        resolve(References({}, [path]))
    assert "hunter2" not in str(raised.value)


def test_values_are_in_no_representation(write: Write) -> None:
    references = References({"ERP_KEY": "hunter2"}, [write("X=hunter3", "x.env")])
    shown = f"{references!r} {references.resolve(KEY, system='erp')!r} {references.resolve(KEY, system='erp')}"
    assert "hunter" not in shown
