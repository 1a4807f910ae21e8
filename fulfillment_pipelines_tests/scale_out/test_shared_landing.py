"""The landing area in an object store, seen from two machines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from fulfillment_pipelines.domain.snapshot import Page, PageFormat, Scope, Snapshot
from fulfillment_pipelines.errors import BadDataError, RetryableError
from fulfillment_pipelines.snapshots.landing import LandedSnapshot, LandingArea
from fulfillment_pipelines.snapshots.shared_landing import SharedLandingArea
from fulfillment_pipelines.stores.object_store import ObjectStore as Account
from fulfillment_pipelines_tests.object_store_server import ObjectStore

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
Machine = Callable[[str], SharedLandingArea]


@pytest.fixture
def machine(tmp_path: Path, bucket: ObjectStore) -> Machine:
    """Return the area as one machine sees it, with a disk of its own."""
    keys = {"OBJECT_STORE_ACCESS_KEY": bucket.access_key, "OBJECT_STORE_SECRET_KEY": bucket.secret_key}
    account = Account(
        lambda name: SecretStr(keys[name]) if name in keys else None, endpoint=bucket.endpoint, path_style=True
    )
    return lambda name: SharedLandingArea(tmp_path / name, "s3://lake/landing", account)


def _land(area: LandingArea, *, hour: int = 12) -> LandedSnapshot:
    pages = [Page(f"{number}.json", content, PageFormat.JSON) for number, content in enumerate((b"[1]", b"[2]"))]
    snapshot = Snapshot("erp", "orders", Scope(), NOON.replace(hour=hour), pages, declared_rows=2)
    return area.land(snapshot, contract_version="1", pulled_at=NOON, duration_seconds=0.5)


def _objects(bucket: ObjectStore) -> list[str]:
    """Return the files below the landing area, without the markers of folders."""
    return [path for path in bucket.keys("lake/landing") if not path.endswith("/")]


def test_what_one_machine_landed_is_read_byte_for_byte_by_another(machine: Machine) -> None:
    landed = _land(machine("one"))

    found = list(machine("two").landed("erp", "orders"))

    assert [one.manifest for one in found] == [landed.manifest]
    assert [path.read_bytes() for path in found[0].page_paths] == [b"[1]", b"[2]"]
    assert landed.directory != found[0].directory


def test_pages_are_fetched_only_when_they_are_read(machine: Machine, bucket: ObjectStore) -> None:
    _land(machine("one"))

    found = next(machine("two").landed("erp", "orders"))

    assert sorted(path.name for path in found.directory.iterdir()) == ["manifest.json"]
    assert len(bucket.keys("lake/landing/erp/orders")) == 3


def test_snapshots_are_told_apart_by_feed_and_come_the_oldest_first(machine: Machine) -> None:
    later, earlier = _land(machine("one"), hour=14), _land(machine("two"), hour=13)
    area = machine("three")

    found = [one.manifest.snapshot_id for one in area.landed("erp", "orders")]

    assert found == [earlier.manifest.snapshot_id, later.manifest.snapshot_id]
    assert [one.manifest for one in area.landed("erp", "orders", known=found[:1])] == [later.manifest]
    assert area.latest("erp", "orders").manifest == later.manifest  # type: ignore[union-attr]
    assert list(area.landed("erp", "lines")) == []


def test_a_feed_is_listed_once_a_minute_and_what_was_landed_here_is_known_at_once(
    machine: Machine, tmp_path: Path
) -> None:
    now = [0.0]
    area = SharedLandingArea(tmp_path / "here", "s3://lake/landing", machine("one")._store, monotonic=lambda: now[0])
    assert area.identities("erp", "orders") == []

    elsewhere = _land(machine("two"), hour=13).manifest.snapshot_id
    here = _land(area, hour=14).manifest.snapshot_id

    assert area.identities("erp", "orders") == [here]
    now[0] = 60.0
    assert area.identities("erp", "orders") == [elsewhere, here]


def test_a_snapshot_whose_manifest_is_not_there_yet_has_not_landed(machine: Machine, bucket: ObjectStore) -> None:
    landed = _land(machine("one"))
    bucket.files.delete_file(f"lake/landing/erp/orders/{landed.manifest.snapshot_id}/manifest.json")

    assert list(machine("two").landed("erp", "orders")) == []


def test_what_a_crash_left_out_is_put_into_the_store_when_the_answer_lands_again(
    machine: Machine, bucket: ObjectStore
) -> None:
    landed = _land(machine("one"))
    bucket.files.delete_file(f"lake/landing/erp/orders/{landed.manifest.snapshot_id}/manifest.json")

    _land(machine("one"))

    assert [one.manifest for one in machine("two").landed("erp", "orders")] == [landed.manifest]


def test_a_snapshot_that_is_let_go_of_is_gone_for_every_machine(machine: Machine, bucket: ObjectStore) -> None:
    gone, kept = _land(machine("one"), hour=13).manifest, _land(machine("one"), hour=14).manifest
    assert len(list(machine("two").everything())) == 2

    machine("two").remove("erp", "orders", gone.snapshot_id)

    assert list(machine("one").everything()) == [("erp", "orders", kept.snapshot_id)]
    assert [one.manifest for one in machine("one").landed("erp", "orders")] == [kept]
    assert [path for path in bucket.keys("lake/landing") if gone.snapshot_id in path] == []


def test_a_removal_that_a_crash_broke_off_is_ended_when_it_is_asked_for_again(
    machine: Machine, bucket: ObjectStore
) -> None:
    landed = _land(machine("one"))
    bucket.files.delete_file(f"lake/landing/erp/orders/{landed.manifest.snapshot_id}/manifest.json")

    for _ in range(2):
        machine("one").remove("erp", "orders", landed.manifest.snapshot_id)

    assert _objects(bucket) == []
    assert not landed.directory.exists()


def test_an_upload_that_never_ended_is_swept_and_what_has_landed_stays(machine: Machine, bucket: ObjectStore) -> None:
    unended, whole = _land(machine("one"), hour=13), _land(machine("one"), hour=14)
    bucket.files.delete_file(f"lake/landing/erp/orders/{unended.manifest.snapshot_id}/manifest.json")
    area, now = machine("two"), datetime.now(UTC)

    assert area.remove_parts(now - timedelta(days=1)) == 0
    assert any(unended.manifest.snapshot_id in path for path in _objects(bucket))

    bucket.put("lake/landing/README.txt", b"ours")
    assert area.remove_parts(now + timedelta(minutes=1)) == 1
    assert {path.split("/")[-2] for path in _objects(bucket)} == {whole.manifest.snapshot_id, "landing"}


def test_a_copy_of_what_another_machine_let_go_of_is_swept(machine: Machine) -> None:
    gone, kept = _land(machine("one"), hour=13), _land(machine("one"), hour=14)
    machine("two").remove("erp", "orders", gone.manifest.snapshot_id)
    area, now = machine("one"), datetime.now(UTC)

    assert (area.remove_parts(now - timedelta(days=1)), gone.directory.exists()) == (0, True)
    assert area.remove_parts(now + timedelta(minutes=1)) == 1
    assert (gone.directory.exists(), kept.directory.exists()) == (False, True)


def test_a_manifest_that_was_damaged_is_named(machine: Machine, bucket: ObjectStore) -> None:
    landed = _land(machine("one"))
    bucket.put(f"lake/landing/erp/orders/{landed.manifest.snapshot_id}/manifest.json", b"{")

    with pytest.raises(BadDataError, match=landed.manifest.snapshot_id):
        list(machine("two").landed("erp", "orders"))


def test_a_store_that_refuses_is_asked_again_later_and_nothing_has_landed(tmp_path: Path, bucket: ObjectStore) -> None:
    keys = {"OBJECT_STORE_ACCESS_KEY": bucket.access_key, "OBJECT_STORE_SECRET_KEY": bucket.secret_key}
    account = Account(
        lambda name: SecretStr(keys[name]) if name in keys else None, endpoint=bucket.endpoint, path_style=True
    )
    area = SharedLandingArea(tmp_path, "s3://no-such-bucket/landing", account)

    with pytest.raises(RetryableError, match="does not answer") as caught:
        _land(area)

    assert bucket.secret_key not in f"{caught.value} {caught.value.__cause__}"
    assert bucket.keys("lake") == []
