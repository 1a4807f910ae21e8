from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.systems.distributor import ClockKind, load_distributor

Write = Callable[..., Path]


def test_paths_are_relative_to_the_file_and_references_to_the_project(write: Write, tmp_path: Path) -> None:
    write("", "erp.yaml")
    path = write("distributor: acme\ntitle: Acme\nsystems: [erp.yaml]\nreferences: [run/acme.env]\nseeds: seeds\n")
    read = load_distributor(path, Path("/project"))
    assert read.systems == (tmp_path / "erp.yaml",)
    assert read.references == (Path("/project/run/acme.env"),)
    assert read.seeds == tmp_path / "seeds"
    assert read.clock is ClockKind.WALL


def test_declaration_that_is_not_there_is_named(write: Write) -> None:
    with pytest.raises(ConfigurationError, match=r"crm\.yaml"):
        load_distributor(write("distributor: acme\ntitle: Acme\nsystems: [crm.yaml]\n"), Path())


@pytest.mark.parametrize(
    "text", ["distributor: acme\ntitle: A\nsystems: []\n", "distributor: A B\ntitle: A\nsystems: [x]\n"]
)
def test_distributor_without_systems_or_with_a_name_that_is_none_is_refused(write: Write, text: str) -> None:
    with pytest.raises(ConfigurationError, match="this distributor file is not valid"):
        load_distributor(write(text), Path())


def test_shipped_distributor_names_nine_systems_and_a_way_round_one_that_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FULFILLMENT_CONFIG", raising=False)
    settings = read_settings()
    read = load_distributor(settings.config, settings.project_root)
    assert (read.distributor, read.clock, len(read.systems)) == ("twin", ClockKind.REPORTED, 10)
    assert read.seeds == settings.project_root / "data" / "seeds"
