from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fulfillment_pipelines.domain.snapshot import Page, PageFormat, Scope, Snapshot
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.snapshots.landing import LandedSnapshot, LandingArea

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def _snapshot(contents: Sequence[bytes] = (b"[1]", b"[2]")) -> Snapshot:
    pages = [Page(f"{number}.json", content, PageFormat.JSON) for number, content in enumerate(contents)]
    return Snapshot("erp", "orders", Scope(), NOON, pages, declared_rows=2)


def _land(area: LandingArea, snapshot: Snapshot) -> LandedSnapshot:
    return area.land(snapshot, contract_version="1", pulled_at=NOON, duration_seconds=0.5)


def test_pages_are_kept_byte_for_byte_in_the_order_received(tmp_path: Path) -> None:
    landed = _land(LandingArea(tmp_path), _snapshot())

    assert [path.read_bytes() for path in landed.page_paths] == [b"[1]", b"[2]"]
    assert landed.manifest.content_bytes == 6


def test_what_landed_is_found_again_with_its_manifest(tmp_path: Path) -> None:
    landed = _land(LandingArea(tmp_path), _snapshot())

    assert list(LandingArea(tmp_path).landed("erp", "orders")) == [landed]
    assert list(LandingArea(tmp_path).landed("erp", "lines")) == []


def test_landing_the_same_answer_again_changes_nothing(tmp_path: Path) -> None:
    area = LandingArea(tmp_path)
    first = _land(area, _snapshot())
    again = area.land(_snapshot(), contract_version="1", pulled_at=NOON + timedelta(hours=1), duration_seconds=9)

    assert again.directory == first.directory
    assert [landed.manifest.pulled_at for landed in area.landed("erp", "orders")] == [NOON]


def test_another_content_at_the_same_moment_is_another_snapshot(tmp_path: Path) -> None:
    area = LandingArea(tmp_path)
    found = {
        _land(area, _snapshot([b"[1]"])).manifest.snapshot_id,
        _land(area, _snapshot([b"[2]"])).manifest.snapshot_id,
    }

    assert len(found) == 2


def test_the_same_rows_of_another_scope_are_another_snapshot(tmp_path: Path) -> None:
    area = LandingArea(tmp_path)
    scopes = (Scope(), Scope(since="1"), Scope(since="2"), Scope(keys=("A",)))
    landed = [_land(area, replace(_snapshot(), scope=scope)) for scope in scopes]

    assert len({one.manifest.snapshot_id for one in landed}) == len(scopes)
    assert [one.manifest.whole for one in area.landed("erp", "orders")].count(True) == 1


def test_where_a_page_ends_is_part_of_the_content(tmp_path: Path) -> None:
    area = LandingArea(tmp_path)

    one = _land(area, _snapshot([b"ab", b"c"]))
    other = _land(area, _snapshot([b"a", b"bc"]))

    assert one.manifest.content_sha256 != other.manifest.content_sha256


def test_snapshots_come_oldest_first_whatever_the_order_they_landed_in(tmp_path: Path) -> None:
    area = LandingArea(tmp_path)
    for hours in (2, 0, 1):
        _land(area, replace(_snapshot(), as_of=NOON + timedelta(hours=hours)))

    assert [landed.manifest.as_of.hour for landed in area.landed("erp", "orders")] == [12, 13, 14]


def test_snapshots_of_one_moment_come_as_they_were_pulled(tmp_path: Path) -> None:
    area = LandingArea(tmp_path)
    pulled = [
        area.land(
            _snapshot([b"%d" % number]),
            contract_version="1",
            pulled_at=NOON + timedelta(seconds=9 - number),
            duration_seconds=1,
        )
        for number in range(9)
    ]

    assert list(area.landed("erp", "orders")) == pulled[::-1]


def test_a_partial_or_incremental_answer_is_not_whole(tmp_path: Path) -> None:
    area = LandingArea(tmp_path)

    assert _land(area, _snapshot()).manifest.whole
    assert not _land(area, replace(_snapshot(), complete=False, problem="page 3 failed")).manifest.whole
    assert not _land(area, replace(_snapshot(), scope=Scope(since="5"))).manifest.whole


def test_what_a_crash_left_half_written_is_not_a_snapshot_and_does_not_stand_in_the_way(tmp_path: Path) -> None:
    area = LandingArea(tmp_path)
    landed = _land(area, _snapshot())
    part = landed.directory.with_name(landed.directory.name + ".part")
    landed.directory.rename(part)
    (part / "00001.json").write_bytes(b"[")

    assert list(area.landed("erp", "orders")) == []
    assert _land(area, _snapshot()).page_paths[0].read_bytes() == b"[1]"
    assert not part.exists()


def test_a_damaged_manifest_is_named_and_nothing_is_guessed(tmp_path: Path) -> None:
    area = LandingArea(tmp_path)
    landed = _land(area, _snapshot())
    (landed.directory / "manifest.json").write_text("{", encoding="utf-8")

    with pytest.raises(BadDataError, match=rf"{landed.manifest.snapshot_id} cannot be read.*from backup"):
        list(area.landed("erp", "orders"))
