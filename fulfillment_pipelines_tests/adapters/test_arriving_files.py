"""Which of the files in a folder is the snapshot: finished or not, late, sent again, of every format."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from fulfillment_pipelines.domain.snapshot import PageFormat, Scope, Snapshot
from fulfillment_pipelines.errors import BadDataError, ConfigurationError, SystemDownError
from fulfillment_pipelines.systems.transports.files.system import FileSystem

DECLARATION = """
system: site
title: Site
role: wms
contract_version: "1"
freshness_seconds: 60
transport: {{kind: files, directory: {{ref: SITE_FOLDER}}}}
entities:
  lines: {{contract: lines, key: [line_id], fields: [line_id, qty], path: "{path}", {entity}}}
"""
TIMED = 'as_of: {file_name: "_(\\\\d{8}T\\\\d{6})Z"}'
CSV = f'format: csv, delimiter: ";", {TIMED}'
OLD, NEW = "L_20260302T080000Z.csv", "L_20260302T083000Z.csv"
ROWS = b"line_id;qty\nL1;1\n"
Make = Callable[..., FileSystem]


@pytest.fixture
def make(declare: Any, referring: Any, clock: Any, tmp_path: Path) -> Make:
    (tmp_path / "out").mkdir()

    def make_system(entity: str = CSV, *, path: str = "out/*.csv") -> FileSystem:
        return FileSystem(
            declare(DECLARATION.format(entity=entity, path=path)), referring(SITE_FOLDER=str(tmp_path)), clock
        )

    return make_system


@pytest.fixture
def drop(tmp_path: Path, clock: Any) -> Callable[..., Path]:
    """Drop a file that was written some seconds ago, by the clock that stands still."""

    def dropped(name: str, content: bytes = ROWS, *, seconds_ago: float = 3600) -> Path:
        path = tmp_path / "out" / name
        path.write_bytes(content)
        at = (clock.now() - timedelta(seconds=seconds_ago)).timestamp()
        os.utime(path, (at, at))
        return path

    return dropped


def pull(system: FileSystem) -> Snapshot:
    return system.source("lines").pull(Scope())


def taken(system: FileSystem) -> tuple[str, bool]:
    snapshot = pull(system)
    return snapshot.pages[0].name, snapshot.complete


def test_file_that_was_just_written_to_is_left_to_settle(make: Make, drop: Callable[..., Path]) -> None:
    drop(OLD)
    drop(NEW, seconds_ago=119)
    system = make(f"{CSV}, settle_seconds: 120")
    assert taken(system) == (OLD, True)
    drop(NEW, seconds_ago=120)
    assert taken(system) == (NEW, True)


def test_folder_whose_only_file_is_not_finished_is_down_until_it_is(make: Make, drop: Callable[..., Path]) -> None:
    drop(NEW, seconds_ago=1)
    with pytest.raises(SystemDownError, match=rf"is finished yet.*{NEW}: it was written to less than 120 seconds ago"):
        pull(make(f"{CSV}, settle_seconds: 120"))


def test_file_that_changes_while_it_is_read_is_passed_over(
    make: Make, drop: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(OLD)
    growing = drop(NEW)
    system = make()
    read = system._folder.read

    def read_while_written(path: str) -> bytes | None:
        content = read(path)
        if path.endswith(NEW):
            growing.write_bytes((content or b"") + b"L2;2\n")
        return content

    monkeypatch.setattr(system._folder, "read", read_while_written)
    assert taken(system) == (OLD, True)
    monkeypatch.undo()
    assert taken(system) == (NEW, True)


@pytest.mark.parametrize(("marker", "name"), [("{path}.done", f"{NEW}.done"), ("{stem}.ok", f"{NEW[:-4]}.ok")])
def test_file_is_finished_when_its_marker_is_there(
    make: Make, drop: Callable[..., Path], marker: str, name: str
) -> None:
    old_marker = name.replace("083000", "080000")
    drop(OLD)
    drop(old_marker, b"")
    drop(NEW)
    system = make(f'{CSV}, complete_when: "{marker}"', path="out/*")
    assert taken(system) == (OLD, True)
    drop(name, b"")
    assert taken(system) == (NEW, True)


def test_file_that_is_written_anew_waits_for_its_marker_to_be_as_well(make: Make, drop: Callable[..., Path]) -> None:
    drop(f"{NEW}.done", b"", seconds_ago=60)
    drop(NEW, seconds_ago=30)
    system = make(f'{CSV}, complete_when: "{{path}}.done"')
    with pytest.raises(SystemDownError, match="written anew since it was said to be finished"):
        pull(system)
    drop(f"{NEW}.done", b"", seconds_ago=30)
    assert taken(system) == (NEW, True)


def test_file_that_is_passed_over_is_told_where_the_other_does_not_say_how_old_it_is(
    make: Make, drop: Callable[..., Path]
) -> None:
    drop("a.csv", seconds_ago=1)
    drop("b.csv", seconds_ago=9000)
    snapshot = pull(make('format: csv, delimiter: ";", settle_seconds: 60'))
    assert (snapshot.pages[0].name, snapshot.complete) == ("b.csv", False)
    assert "a.csv: it was written to less than 60 seconds ago" in snapshot.problem


def test_older_export_that_arrives_late_does_not_win(make: Make, drop: Callable[..., Path]) -> None:
    drop(NEW, seconds_ago=600)
    drop(OLD, seconds_ago=1)
    assert taken(make()) == (NEW, True)


def test_file_that_is_sent_again_with_other_content_is_another_snapshot_of_the_same_moment(
    make: Make, drop: Callable[..., Path]
) -> None:
    drop(NEW)
    first = pull(make())
    drop(NEW, b"line_id;qty\nL1;2\n", seconds_ago=1)
    second = pull(make())
    assert first.as_of == second.as_of
    assert (first.pages[0].content, second.pages[0].content) == (ROWS, b"line_id;qty\nL1;2\n")


def test_of_two_files_of_one_moment_the_one_written_last_wins(make: Make, drop: Callable[..., Path]) -> None:
    drop("L_20260302T083000Z_2.csv", b"line_id;qty\nL1;9\n", seconds_ago=50)
    drop("L_20260302T083000Z_1.csv", seconds_ago=10)
    assert taken(make()) == ("L_20260302T083000Z_1.csv", True)


def test_file_of_one_name_may_speak_of_the_moment_it_was_written(
    make: Make, drop: Callable[..., Path], clock: Any
) -> None:
    drop("stock.csv", seconds_ago=7200)
    snapshot = pull(make('format: csv, delimiter: ";", as_of: {modified: true}'))
    assert snapshot.as_of == clock.now() - timedelta(hours=2)


def test_place_that_does_not_say_when_files_were_written_cannot_be_asked_for_it(
    make: Make, drop: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    drop("stock.csv")
    monkeypatch.setattr("fulfillment_pipelines.systems.transports.files.fsspec_location._MODIFIED_MARKS", ())
    with pytest.raises(ConfigurationError, match="does not say when its files were written"):
        pull(make('format: csv, delimiter: ";", as_of: {modified: true}'))


def test_file_that_is_larger_than_declared_is_not_read(
    make: Make, drop: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(NEW, ROWS + b" " * 1024 * 1024)
    system = make(f"{CSV}, most_mebibytes: 1")
    monkeypatch.setattr(system._folder, "read", lambda _: pytest.fail("it was read"))
    with pytest.raises(BadDataError, match=rf"{NEW} is larger than what is taken.*raise `most_mebibytes`"):
        pull(system)


@pytest.mark.parametrize(
    ("content", "entity", "said"),
    [
        (b"line_id,qty\nL1,1\n", CSV, "it looks delimited by a comma, not by ';'"),
        (b"line_id\tqty\nL1\t1\n", CSV, "it looks delimited by a tab, not by ';'"),
        (b"L1,1\n", f"{CSV}, header: false", "it looks delimited by a comma, not by ';'"),
        ("line_id;qty\nL1;1\n".encode("utf-16"), CSV, "as utf-8 text, byte 0 .* looks like utf-16"),
        (ROWS, f"{CSV}, encoding: utf-16", "as utf-16 text, byte 0 .* looks like utf-8"),
    ],
)
def test_file_that_is_not_as_declared_is_told_by_what_it_looks_like(
    make: Make, drop: Callable[..., Path], *, content: bytes, entity: str, said: str
) -> None:
    drop(NEW, content)
    with pytest.raises(BadDataError, match=f"{NEW} cannot be read as it is declared.*{said}"):
        pull(make(entity))


def test_field_that_is_gone_is_not_mistaken_for_another_delimiter(make: Make, drop: Callable[..., Path]) -> None:
    drop(NEW, b"line_id;pieces,qty\nL1;1\n")
    with pytest.raises(BadDataError, match="has no field qty"):
        pull(make())


def workbook(*rows: list[Any]) -> bytes:
    book, written = openpyxl.Workbook(), io.BytesIO()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    book.save(written)
    return written.getvalue()


XML = 'format: xml, records: line, as_of: {file_name: "_(\\\\d{8}T\\\\d{6})Z"}'
FORMATS = {
    PageFormat.JSON_LINES: (
        f"format: jsonl, {TIMED}",
        b'{"line_id": "L1", "qty": 1}\n',
        b'{"line_id": "L1", "qty": 1}\n{"line_id": "L2',
        b'{"line_id": "L1", "pieces": 1}\n',
    ),
    PageFormat.XML: (
        XML,
        b"<all><line><line_id>L1</line_id><qty>1</qty></line></all>",
        b"<all><line><line_id>L1</line_id><qty>1</qty></line>",
        b"<all><line><line_id>L1</line_id></line></all>",
    ),
    PageFormat.EXCEL: (
        f"format: excel, {TIMED}",
        workbook(["line_id", "qty"], ["L1", 1]),
        workbook(["line_id", "qty"], ["L1", 1])[:-200],
        workbook(["line_id", "pieces"], ["L1", 1]),
    ),
}


@pytest.mark.parametrize("form", FORMATS)
def test_file_of_another_format_is_kept_byte_for_byte(make: Make, drop: Callable[..., Path], form: PageFormat) -> None:
    entity, whole, _, _ = FORMATS[form]
    drop(f"L_20260302T083000Z.{form}", whole)
    snapshot = pull(make(entity, path="out/*"))
    assert snapshot.as_of == datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
    assert [(page.content, page.format) for page in snapshot.pages] == [(whole, form)]


@pytest.mark.parametrize("form", FORMATS)
def test_file_of_another_format_that_breaks_off_is_passed_over_and_named(
    make: Make, drop: Callable[..., Path], form: PageFormat
) -> None:
    entity, whole, half, _ = FORMATS[form]
    drop(f"L_20260302T080000Z.{form}", whole)
    drop(f"L_20260302T083000Z.{form}", half)
    snapshot = pull(make(entity, path="out/*"))
    assert (snapshot.complete, snapshot.pages[0].content) == (False, whole)
    assert f"L_20260302T083000Z.{form}" in snapshot.problem


@pytest.mark.parametrize("form", FORMATS)
def test_field_that_is_gone_from_another_format_is_named(
    make: Make, drop: Callable[..., Path], form: PageFormat
) -> None:
    entity, _, _, drifted = FORMATS[form]
    drop(f"L_20260302T083000Z.{form}", drifted)
    with pytest.raises(BadDataError, match="has no field qty"):
        pull(make(entity, path="out/*"))


def test_workbook_that_somebody_has_open_leaves_no_trace(make: Make, drop: Callable[..., Path]) -> None:
    entity, whole, _, _ = FORMATS[PageFormat.EXCEL]
    drop("L_20260302T080000Z.xlsx", whole)
    drop("~$L_20260302T083000Z.xlsx", b"\x05owner")
    assert taken(make(entity, path="out/*.xlsx")) == ("L_20260302T080000Z.xlsx", True)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("out/*/*.csv", ["a/L_20260302T081000Z.csv", "b/L_20260302T082000Z.csv"]),
        ("out/a/L_*.csv", ["a/L_20260302T081000Z.csv"]),
        ("out/**/L_*.csv", ["L_20260302T080000Z.csv", "a/L_20260302T081000Z.csv", "b/L_20260302T082000Z.csv"]),
        ("out/[b-z]/*", ["b/L_20260302T082000Z.csv"]),
        (f"out/{OLD}", [OLD]),
        ("out/none/*", []),
        (f"out/{OLD}/*", []),
    ],
)
def test_pattern_is_matched_part_by_part(
    make: Make, drop: Callable[..., Path], tmp_path: Path, *, pattern: str, found: list[str]
) -> None:
    for name in ("a", "b"):
        (tmp_path / "out" / name).mkdir()
    drop(OLD)
    drop("a/L_20260302T081000Z.csv")
    drop("b/L_20260302T082000Z.csv")
    listed = make()._folder.glob(pattern)
    assert sorted(path.removeprefix(f"{tmp_path}/out/") for path in listed) == found


def test_folder_below_that_may_not_be_read_is_an_error_and_not_empty(
    make: Make, drop: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(OLD)

    def deny(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.ls", deny)
    with pytest.raises(SystemDownError, match="Permission denied"):
        pull(make())
