"""Malformed files, one kind a test, through the legacy warehouse's own declaration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.canonical.admission import Admission
from fulfillment_pipelines.domain.snapshot import FeedState
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.snapshots.pulling import PullAttempt

CONFIG = Path(__file__).parents[1] / "small_distributor" / "files.yaml"
HEADER = "movement_no;item;unit;qty;movement_type;moved_at"
GOOD = "M-1;BRG-1001;EA;5;RECEIPT;2026-03-02T08:00:00Z"
SECOND = "M-2;BRG-1001;EA;-1;SHIPMENT;2026-03-02T09:00:00Z"
STOCK = "BRG-1001        EA  40          0           40          "


@dataclass
class North:
    """The warehouse's outbound folder and the platform that reads it."""

    platform: Platform
    outbound: Path

    def drop(self, name: str, *lines: str | bytes) -> None:
        """Write a file as the warehouse would; its trailer counts the rows."""
        encoded = [line if isinstance(line, bytes) else line.encode() for line in lines]
        (self.outbound / name).write_bytes(b"\n".join(encoded) + (b"\n" if encoded else b""))

    def pull(self, entity: str = "movements") -> PullAttempt:
        """Pull, and return the attempt at one entity."""
        attempts = stages.pull(self.platform)
        return next(attempt for attempt in attempts if attempt.entity == entity)

    def admit(self) -> Admission:
        """Admit the one snapshot that has landed, and reconcile."""
        (admission,) = stages.admit(self.platform)
        stages.require_invariants(stages.reconcile(self.platform, full=False))
        return admission

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query of the lake."""
        return [tuple(row.values()) for row in self.platform.warehouse.query(statement).to_pylist()]


@pytest.fixture
def north(tmp_path: Path) -> Iterator[North]:
    """A legacy warehouse that has dropped nothing yet."""
    outbound = tmp_path / "north" / "outbound"
    outbound.mkdir(parents=True)
    (tmp_path / "systems.env").write_text(f"WMS_NORTH_DIRECTORY={outbound.parent}", encoding="utf-8")
    with build_platform(Settings(runtime_dir=tmp_path, duckdb_threads=1), config=CONFIG) as platform:
        platform.prepare()
        yield North(platform, outbound)


def test_a_byte_order_mark_is_not_part_of_the_first_field(north: North) -> None:
    north.drop("MOV_20260302T120000Z.csv", b"\xef\xbb\xbf" + HEADER.encode(), GOOD, "TRL;1")

    assert north.pull().state is FeedState.OK
    assert north.admit().quarantined_rows == 0
    assert north.rows("select movement_id from canon_stock_movements") == [("M-1",)]


def test_a_line_with_a_value_too_many_is_quarantined_and_the_rest_goes_on(north: North) -> None:
    torn = "M-9;BRG-1001;EA;5;RECEIPT;2026-03-02T08:00:00Z;surplus"
    north.drop("MOV_20260302T120000Z.csv", HEADER, GOOD, torn, SECOND, "TRL;3")

    assert north.pull().state is FeedState.OK
    admission = north.admit()

    assert (admission.landed_rows, admission.merged.inserted_rows, admission.quarantined_rows) == (3, 2, 1)
    line_no, failed, record = north.rows("select landed_row_no, failed_checks, record from ops_open_quarantine")[0]
    assert line_no == 3
    assert failed.startswith("page:readable")
    assert json.loads(record)["text"] == torn
    assert north.rows("select code, business_key from rec_findings where code = 'SYS-02'") == [
        ("SYS-02", "wms_north/movements")
    ]


def test_a_line_cut_short_lacks_its_last_values_and_is_quarantined(north: North) -> None:
    north.drop("MOV_20260302T120000Z.csv", HEADER, GOOD, "M-9;BRG-1001;EA", "TRL;2")

    assert north.pull().state is FeedState.OK
    admission = north.admit()

    assert (admission.merged.inserted_rows, admission.quarantined_rows) == (1, 1)
    assert admission.failures == {"movement_qty:required": 1, "movement_type:required": 1, "moved_at:required": 1}


def test_a_fixed_width_line_of_the_wrong_width_is_quarantined(north: North) -> None:
    north.drop("STK_20260302T120000Z.txt", STOCK, "VLV-1001 EA 5", "TRL2")

    assert north.pull("stock").state is FeedState.OK
    admission = north.admit()

    assert (admission.landed_rows, admission.merged.inserted_rows, admission.quarantined_rows) == (2, 1, 1)
    assert "a line of 56 characters was expected" in north.rows("select failed_checks from ops_open_quarantine")[0][0]


def test_a_file_without_its_trailer_is_not_taken_and_says_so(north: North) -> None:
    north.drop("MOV_20260302T120000Z.csv", HEADER, GOOD)

    attempt = north.pull()

    assert attempt.state is FeedState.FAILED
    assert "wms_north/movements" in attempt.problem
    assert "MOV_20260302T120000Z.csv: its last line is not the trailer" in attempt.problem
    assert "have the system drop the file again" in attempt.problem


def test_a_half_written_file_leaves_the_one_before_it_and_the_feed_is_partial(north: North) -> None:
    north.drop("MOV_20260302T110000Z.csv", HEADER, GOOD, "TRL;1")
    north.drop("MOV_20260302T120000Z.csv", HEADER, GOOD, "M-2;BRG")

    attempt = north.pull()

    assert attempt.state is FeedState.PARTIAL
    assert "MOV_20260302T120000Z.csv" in attempt.problem
    assert north.admit().merged.inserted_rows == 1
    assert ("PARTIAL",) in north.rows("select state from rec_feeds where entity = 'movements'")


def test_an_empty_file_is_not_a_snapshot(north: North) -> None:
    north.drop("MOV_20260302T120000Z.csv")

    attempt = north.pull()

    assert attempt.state is FeedState.FAILED
    assert "MOV_20260302T120000Z.csv" in attempt.problem


def test_a_file_with_a_header_and_a_trailer_is_an_empty_snapshot(north: North) -> None:
    north.drop("MOV_20260302T120000Z.csv", HEADER, "TRL;0")

    assert north.pull().state is FeedState.OK
    assert north.admit().landed_rows == 0


def test_a_field_that_left_the_header_is_refused_by_name(north: North) -> None:
    north.drop("MOV_20260302T120000Z.csv", HEADER.replace(";movement_type", ""), "M-1;BRG-1001;EA;5;2026", "TRL;1")

    attempt = north.pull()

    assert attempt.state is FeedState.FAILED
    assert "movement_type" in attempt.problem
    assert "Remedy" in attempt.problem


def test_a_file_that_is_not_in_its_encoding_is_named(north: North) -> None:
    north.drop("MOV_20260302T120000Z.csv", HEADER, b"M-\xff;BRG-1001;EA;5;RECEIPT;2026-03-02T08:00:00Z", "TRL;1")

    attempt = north.pull()
    problem = attempt.problem
    if attempt.landed is not None:
        north.admit()
        problem = north.rows("select failed_checks from ops_open_quarantine")[0][0]

    assert "MOV_20260302T120000Z.csv" in problem or "00001.csv" in problem
    assert "utf-8" in problem
