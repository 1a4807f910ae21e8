"""What only an exchange of X12 files does: every file counts, and names say when the exchange last took place."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.domain.edi import DocumentRows, ElementAddress
from fulfillment_pipelines.domain.snapshot import PageFormat, Scope, Snapshot
from fulfillment_pipelines.errors import ConfigurationError, SystemDownError
from fulfillment_pipelines.systems.transports.files.system import FileSystem

DECLARATION = """
system: site
title: Site
role: channel
contract_version: "1"
freshness_seconds: 60
transport: {{kind: files, directory: {{ref: SITE_FOLDER}}}}
entities:
  lines:
    contract: lines
    path: in/*.edi
    format: x12
    key: [line_id]
    {entity}
"""
TIMED = 'as_of: {file_name: "(\\\\d{8}T\\\\d{6})Z"}'
ROWS = 'rows: [{documents: ["850"], segment: PO1, ends: [CTT]}]'
ELEMENTS = 'elements: {line_id: PO101, item: ["PO1@VP", "PO1@BP"], place: "N1[ST]04"}'
Make = Callable[..., FileSystem]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "site" / "in").mkdir(parents=True)
    return tmp_path / "site"


@pytest.fixture
def make(declare: Any, referring: Any, clock: Any, folder: Path) -> Make:
    def make_system(*, timed: str = TIMED, rows: str = ROWS, elements: str = ELEMENTS) -> FileSystem:
        declaration = declare(
            DECLARATION.format(entity="\n    ".join(part for part in (timed, rows, elements) if part))
        )
        return FileSystem(declaration, referring(SITE_FOLDER=str(folder)), clock)

    return make_system


def pull(system: FileSystem) -> Snapshot:
    return system.source("lines").pull(Scope())


def archived(snapshot: Snapshot) -> dict[str, bytes]:
    (page,) = snapshot.pages
    assert page.format is PageFormat.X12
    with zipfile.ZipFile(io.BytesIO(page.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_every_file_is_kept_as_it_is_under_its_name(make: Make, folder: Path) -> None:
    (folder / "in" / "20260302T080000Z_a.edi").write_bytes(b"\xef\xbb\xbfISA*00\r\n")
    (folder / "in" / "20260302T070000Z_b.edi").write_bytes(b"not X12 at all")

    assert archived(pull(make())) == {
        "in/20260302T070000Z_b.edi": b"not X12 at all",
        "in/20260302T080000Z_a.edi": b"\xef\xbb\xbfISA*00\r\n",
    }


def test_the_newest_name_is_the_moment_of_the_snapshot_even_of_an_empty_file(make: Make, folder: Path) -> None:
    (folder / "in" / "20260302T080000Z_a.edi").write_bytes(b"ISA")
    (folder / "in" / "20260302T083000Z_run.edi").touch()

    snapshot = pull(make())
    assert snapshot.as_of == datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
    assert list(archived(snapshot)) == ["in/20260302T080000Z_a.edi"]


def test_without_a_name_to_go_by_the_moment_is_that_of_reading(make: Make, clock: Any) -> None:
    assert pull(make(timed="")).as_of == clock.now()


def test_an_exchange_without_documents_is_an_empty_whole(make: Make, folder: Path) -> None:
    (folder / "in" / "20260302T083000Z_run.edi").touch()

    snapshot = pull(make())
    assert (snapshot.system, snapshot.entity, snapshot.complete, archived(snapshot)) == ("site", "lines", True, {})


def test_half_written_files_are_not_read(make: Make, folder: Path) -> None:
    (folder / "in" / "20260302T080000Z_a.edi").write_bytes(b"ISA")
    (folder / "in" / "20260302T090000Z_b.edi.part").write_bytes(b"ISA")

    assert list(archived(pull(make()))) == ["in/20260302T080000Z_a.edi"]


def test_the_same_files_are_the_same_bytes(make: Make, folder: Path) -> None:
    (folder / "in" / "20260302T080000Z_a.edi").write_bytes(b"ISA")
    first = pull(make())
    (folder / "in" / "20260302T083000Z_run.edi").touch()

    assert pull(make()).pages[0].content == first.pages[0].content


def test_a_full_folder_is_packed_one_file_at_a_time(make: Make, folder: Path) -> None:
    for number in range(16):
        (folder / "in" / f"20260302T0800{number:02d}Z.edi").write_bytes(b"PO1*1*5*EA~" * 100_000)
    source = make().source("lines")
    tracemalloc.start()
    snapshot = source.pull(Scope())
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(archived(snapshot)) == 16
    assert most_bytes < 4 * 1_100_000


def test_an_exchange_that_never_took_place_is_down(make: Make, folder: Path) -> None:
    (folder / "in" / "readme.edi").write_bytes(b"ISA")
    with pytest.raises(SystemDownError, match="says when it was written"):
        pull(make())


def test_an_exchange_whose_folder_is_gone_is_down(make: Make, folder: Path) -> None:
    (folder / "in").rmdir()
    folder.rmdir()
    with pytest.raises(SystemDownError):
        pull(make())


def test_the_declaration_says_where_fields_stand(declare: Any) -> None:
    entity = declare(DECLARATION.format(entity=f"{TIMED}\n    {ROWS}\n    {ELEMENTS}")).entities["lines"]

    assert entity.fields == ("line_id", "item", "place")
    assert entity.layout.rows == (DocumentRows(documents=("850",), segment="PO1", ends=("CTT",)),)
    assert entity.layout.elements == {
        "line_id": (ElementAddress("PO1", position=1),),
        "item": (ElementAddress("PO1", label="VP"), ElementAddress("PO1", label="BP")),
        "place": (ElementAddress("N1", qualifier="ST", position=4),),
    }


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"elements": "elements: {line_id: po101}"}, "an element such as BEG03"),
        ({"elements": "elements: {line_id: PO1}"}, "an element such as BEG03"),
        ({"elements": "elements: {line_id: PO100}"}, "an element such as BEG03"),
        ({"elements": "elements: {line_id: []}"}, "at least 1 item"),
        ({"elements": "elements: {sku: PO107}"}, "every field of `key`"),
        ({"elements": f"{ELEMENTS}\n    fields: [line_id]"}, "no `fields` with `format: x12`"),
        ({"rows": "rows: [{segment: HL, level: I}]"}, "either `level`, or `segment` and `ends`"),
        ({"rows": "rows: []"}, "at least 1 item"),
    ],
)
def test_a_wrong_declaration_is_told_with_its_line(make: Make, part: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"\.yaml:\d+") as raised:
        make(**part)
    assert said in str(raised.value)
