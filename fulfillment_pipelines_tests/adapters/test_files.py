"""What only file drops do: names that carry the time, trailers, encodings, half-written files."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.domain.snapshot import PageFormat, Scope, Snapshot
from fulfillment_pipelines.errors import (
    BadDataError,
    ConfigurationError,
    RetryableError,
    SystemDownError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.systems.transports.files.system import FileSystem

DECLARATION = """
system: site
title: Site
role: wms
contract_version: "1"
freshness_seconds: 60
transport: {{kind: files, directory: {{ref: SITE_FOLDER}}}}
entities:
  lines: {{contract: lines, key: [line_id], {entity}}}
messages:
  qty.set:
    drop: in/{{idempotency_key}}.json
    processed: done/{{idempotency_key}}.json
    rejected: bad/{{idempotency_key}}.json
    values: {{message_type: {{literal: qty.set}}}}
    body: {{line_id: line_id, qty: qty}}
"""
TIMED = 'as_of: {file_name: "_(\\\\d{8}T\\\\d{6})Z"}'
CSV = (
    f'path: out/*.csv, format: csv, delimiter: ";", trailer: {{prefix: "TRL;", count: 1}}, {TIMED}, '
    "fields: [line_id, qty]"
)
FIXED = (
    f"path: out/*.txt, format: fixed_width, widths: {{line_id: 6, qty: 8}}, "
    f'trailer: {{prefix: "TRL", count: 1}}, {TIMED}, fields: [line_id, qty]'
)
Make = Callable[..., FileSystem]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("out", "in", "done", "bad"):
        (tmp_path / "site" / name).mkdir(parents=True)
    return tmp_path / "site"


@pytest.fixture
def make(declare: Any, referring: Any, clock: Any, folder: Path) -> Make:
    def make_system(entity: str = CSV, *, directory: str | None = None) -> FileSystem:
        declaration = declare(DECLARATION.format(entity=entity))
        return FileSystem(declaration, referring(SITE_FOLDER=directory or str(folder)), clock)

    return make_system


def pull(system: FileSystem) -> Snapshot:
    return system.source("lines").pull(Scope())


def drop(folder: Path, name: str, content: str | bytes) -> bytes:
    written = content if isinstance(content, bytes) else content.encode()
    (folder / "out" / name).write_bytes(written)
    return written


def test_newest_file_is_the_one_whose_name_says_so(make: Make, folder: Path) -> None:
    newest = drop(folder, "L_20260302T083000Z.csv", "line_id;qty\nL2;2\nTRL;1\n")
    drop(folder, "L_20260302T080000Z.csv", "line_id;qty\nL1;1\nTRL;1\n")
    os.utime(folder / "out" / "L_20260302T083000Z.csv", (0, 0))
    snapshot = pull(make())
    assert snapshot.as_of == datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
    assert [(page.name, page.content) for page in snapshot.pages] == [("L_20260302T083000Z.csv", newest)]


def test_file_still_being_written_or_of_another_name_is_not_looked_at(make: Make, folder: Path) -> None:
    drop(folder, "L_20260302T080000Z.csv", "line_id;qty\nL1;1\nTRL;1\n")
    drop(folder, "L_20260302T090000Z.csv.part", "line_id;qty\n")
    drop(folder, "L_test.csv", "line_id;qty\n")
    snapshot = pull(make(CSV.replace("*.csv", "*")))
    assert (snapshot.complete, snapshot.pages[0].name) == (True, "L_20260302T080000Z.csv")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfline_id;qty\r\nL1;1\r\nTRL;1\r\n",
        b"line_id;qty\nL1;1\nTRL;1",
        b"line_id;qty\n\nL1;1\n\nTRL;1\n\n",
        b'line_id;qty\n"L\n1";1\nTRL;1\n',
        b'line_id;qty\nL"1;"1\nTRL;1\n',
        b"line_id;qty\nL\xff1;1\nTRL;1\n",
    ],
    ids=["byte_order_mark", "no_last_line_end", "empty_lines", "quoted_line_end", "stray_quote", "broken_encoding"],
)
def test_trailer_is_found_whatever_else_is_in_the_file_and_its_bytes_are_kept(
    make: Make, folder: Path, content: bytes
) -> None:
    drop(folder, "L_20260302T080000Z.csv", content)
    snapshot = pull(make())
    assert (snapshot.complete, snapshot.declared_rows, snapshot.pages[0].content) == (True, 1, content)


def test_other_encodings_are_read_as_declared(make: Make, folder: Path) -> None:
    content = drop(folder, "L_20260302T080000Z.csv", "line_id;qty\nÄ1;1\nTRL;1\n".encode("utf-16"))
    snapshot = pull(make(CSV + ", encoding: utf-16"))
    assert (snapshot.declared_rows, snapshot.pages[0].content) == (1, content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("line_id;qty\nL1;1\n", "last line is not the trailer 'TRL;…'"),
        ("line_id;qty\nL1;1\nTRL;2\n", "declares 2 rows and 1 are there"),
        ("line_id;qty\nL1;1\nTRL;many\n", "holds no row count"),
        ("line_id;qty\nL1;1\nTRL;\n", "holds no row count"),
        ("", "is empty"),
    ],
)
def test_half_written_file_is_passed_over_and_named(make: Make, folder: Path, content: str, said: str) -> None:
    drop(folder, "L_20260302T080000Z.csv", "line_id;qty\nL0;1\nTRL;1\n")
    drop(folder, "L_20260302T090000Z.csv", content)
    snapshot = pull(make())
    assert snapshot.as_of == datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    assert not snapshot.complete
    assert "L_20260302T090000Z.csv" in snapshot.problem
    assert said in snapshot.problem


def test_folder_without_a_single_whole_file_is_bad_data(make: Make, folder: Path) -> None:
    drop(folder, "L_20260302T090000Z.csv", "line_id;qty\nL1;1\n")
    with pytest.raises(BadDataError, match=r"L_20260302T090000Z\.csv"):
        pull(make())


def test_folder_without_files_is_a_system_that_is_down(make: Make) -> None:
    with pytest.raises(SystemDownError, match=r"no file matches out/\*\.csv"):
        pull(make())


def test_file_that_vanishes_while_it_is_looked_for_is_passed_over(
    make: Make, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(folder, "L_20260302T080000Z.csv", "line_id;qty\nL0;1\nTRL;1\n")
    drop(folder, "L_20260302T090000Z.csv", "line_id;qty\nL1;1\nTRL;1\n")
    system = make()
    listed = system._folder.listing("out/*.csv")
    monkeypatch.setattr(system._folder, "listing", lambda _: listed)
    (folder / "out" / "L_20260302T090000Z.csv").unlink()
    snapshot = pull(system)
    assert (snapshot.complete, snapshot.as_of) == (True, datetime(2026, 3, 2, 8, 0, tzinfo=UTC))


def test_fixed_width_file_is_counted_by_its_lines(make: Make, folder: Path) -> None:
    content = drop(folder, "S_20260302T080000Z.txt", "L1           1\nL2           2\nTRL000002\n")
    snapshot = pull(make(FIXED))
    assert (snapshot.declared_rows, snapshot.pages[0].format) == (2, PageFormat.FIXED_WIDTH)
    assert snapshot.pages[0].content == content


def test_sums_of_the_trailer_are_carried(make: Make, folder: Path) -> None:
    drop(folder, "L_20260302T080000Z.csv", "line_id;qty\nL1;1.50\nTRL;1;1.50\n")
    assert pull(make(CSV.replace("count: 1", "count: 1, sums: {qty: 2}"))).declared_sums == {"qty": "1.50"}


def parquet(*ids: str) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"line_id": list(ids)}), sink)
    return sink.getvalue()


def test_static_export_speaks_of_the_declared_moment_and_counts_itself(make: Make, folder: Path) -> None:
    content = drop(folder, "lines.parquet", parquet("L1", "L2"))
    snapshot = pull(
        make('path: out/lines.parquet, format: parquet, as_of: {fixed: "2018-05-01T00:00:00Z"}, fields: [line_id]')
    )
    assert snapshot.as_of == datetime(2018, 5, 1, tzinfo=UTC)
    assert (snapshot.declared_rows, snapshot.pages[0].content) == (2, content)


def test_static_csv_without_a_trailer_is_taken_as_it_is(make: Make, folder: Path) -> None:
    drop(folder, "lines.csv", "line_id\nL1\n")
    snapshot = pull(make('path: out/lines.csv, format: csv, as_of: {fixed: "2018-05-01T00:00:00Z"}, fields: [line_id]'))
    assert (snapshot.complete, snapshot.declared_rows) == (True, None)


def test_file_without_a_declared_moment_speaks_of_now(make: Make, folder: Path, clock: Any) -> None:
    drop(folder, "lines.csv", "L1\n")
    snapshot = pull(make("path: out/lines.csv, format: csv, header: false, fields: [line_id]"))
    assert snapshot.as_of == clock.now()


def test_parquet_file_that_is_cut_off_is_half_written(make: Make, folder: Path) -> None:
    drop(folder, "L_20260302T080000Z.parquet", parquet("L1"))
    drop(folder, "L_20260302T090000Z.parquet", parquet("L1", "L2")[:-9])
    snapshot = pull(make(f"path: out/*.parquet, format: parquet, {TIMED}, fields: [line_id]"))
    assert (snapshot.complete, snapshot.declared_rows) == (False, 1)
    assert "not a whole Parquet file" in snapshot.problem


@pytest.mark.parametrize("content", [b"line_id;pieces\nL1;1\nTRL;1\n", b"\xef\xbb\xbfline_id\nL1\nTRL;1\n"])
def test_field_that_is_gone_from_the_header_is_named(make: Make, folder: Path, content: bytes) -> None:
    drop(folder, "L_20260302T080000Z.csv", content)
    with pytest.raises(BadDataError, match="has no field qty"):
        pull(make())


def test_any_folder_that_fsspec_reaches_can_be_declared(make: Make) -> None:
    import fsspec  # noqa: PLC0415 - only this test needs the library itself

    files = fsspec.filesystem("memory")
    files.pipe_file("/site/out/L_20260302T080000Z.csv", b"line_id;qty\nL1;1\nTRL;1\n")
    assert pull(make(directory="memory://site")).declared_rows == 1
    files.rm("/site", recursive=True)


def test_folder_of_an_unknown_protocol_is_a_configuration_error(make: Make) -> None:
    with pytest.raises(ConfigurationError, match="address of its folder") as raised:
        pull(make(directory="gopher://us:s3cr3t@host/site"))
    assert "s3cr3t" not in str(raised.value)


def test_message_is_one_flat_object_under_its_key_and_nothing_else(
    make: Make, folder: Path, correction: Callable[..., Correction]
) -> None:
    receipt = make().sink().apply(correction())
    assert (receipt.observed, receipt.reference) == (Observed.QUEUED, "key-1.json")
    assert [path.name for path in (folder / "in").iterdir()] == ["key-1.json"]
    written = json.loads((folder / "in" / "key-1.json").read_text(encoding="utf-8"))
    assert written == {"message_type": "qty.set", "line_id": "L1", "qty": "7"}


@pytest.mark.parametrize(
    ("place", "observed"), [("in", Observed.QUEUED), ("done", Observed.APPLIED), ("bad", Observed.ABSENT)]
)
def test_read_back_tells_where_the_file_is(
    make: Make, folder: Path, correction: Callable[..., Correction], place: str, observed: Observed
) -> None:
    (folder / place / "key-1.json").write_text("{}", encoding="utf-8")
    assert make().sink().read_back(correction()) is observed


def test_message_that_cannot_be_written_may_be_tried_again(
    make: Make, folder: Path, correction: Callable[..., Correction]
) -> None:
    (folder / "in").rmdir()
    with pytest.raises(RetryableError, match="could not be written"):
        make().sink().apply(correction())


def test_message_that_may_not_have_got_its_name_has_an_unknown_outcome(
    make: Make, correction: Callable[..., Correction], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.mv", fail)
    sink = make().sink()
    with pytest.raises(UnknownOutcomeError, match="Input/output error"):
        sink.apply(correction())
    assert sink.read_back(correction()) is Observed.ABSENT
