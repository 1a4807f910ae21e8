"""What was landed goes when a later whole, clean snapshot has superseded it, and nobody needs it."""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from fulfillment_pipelines.upkeep.effects import Effect
from fulfillment_pipelines.upkeep.landed import let_go
from fulfillment_pipelines.warehouse import Connection


def _let_go(kept: Any, noon: datetime, *, evidence: Collection[str] = (), dry_run: bool = False) -> Effect:
    before = noon - timedelta(days=30)
    return let_go(kept.files, before=before, half_written_before=noon, evidence=evidence, dry_run=dry_run)


def test_what_a_whole_snapshot_before_the_period_has_superseded_goes(kept: Any, noon: datetime) -> None:
    first, change = kept.admit(50), kept.admit(45, whole=False)
    floor, later_change, recent = kept.admit(40), kept.admit(35, whole=False), kept.admit(5)

    effect = _let_go(kept, noon)

    assert kept.landed() == [floor, later_change, recent]
    assert effect.counts["snapshots_removed"] == 2
    assert (effect.before.files, effect.after.files) == (10, 6)
    assert effect.bytes_freed > 0
    assert effect.kept == ()
    assert first < change < floor


def test_a_whole_snapshot_within_the_period_is_no_floor_yet(kept: Any, noon: datetime) -> None:
    old, recent = kept.admit(50, whole=False), kept.admit(5)

    effect = _let_go(kept, noon)

    assert kept.landed() == [old, recent]
    assert effect.kept == ("erp/orders: 1 old snapshots stay, since what came after them is not whole.",)


def test_a_snapshot_with_a_row_in_quarantine_supersedes_nothing_and_this_is_told(kept: Any, noon: datetime) -> None:
    oldest, floor, dirty = kept.admit(60, whole=False), kept.admit(50), kept.admit(40, quarantined_rows=1)

    effect = _let_go(kept, noon)

    assert kept.landed() == [floor, dirty]
    assert oldest < floor
    assert effect.kept == ("erp/orders: 1 old snapshots stay, since what came after them has rows in quarantine.",)


def test_a_feed_without_any_clean_whole_snapshot_keeps_all_and_says_why(kept: Any, noon: datetime) -> None:
    snapshots = [kept.admit(50, whole=False), kept.admit(40, quarantined_rows=1), kept.admit(35, quarantined_rows=2)]

    effect = _let_go(kept, noon)

    assert kept.landed() == snapshots
    assert effect.kept == ("erp/orders: 3 old snapshots stay, since what came after them has rows in quarantine.",)


def test_what_a_case_names_stays(kept: Any, noon: datetime) -> None:
    named, other, floor = kept.admit(50), kept.admit(45), kept.admit(40)

    effect = _let_go(kept, noon, evidence=[named])

    assert kept.landed() == [named, floor]
    assert other not in kept.landed()
    assert effect.counts["snapshots_kept_as_evidence"] == 1


def test_what_a_change_of_shape_names_stays(kept: Any, noon: datetime) -> None:
    named, floor = kept.admit(50), kept.admit(40)

    def drift(transaction: Connection) -> None:
        transaction.execute(
            """
            insert into ops_open_drift
            select 'erp', 'orders', '1', 'ADDED', 'colour', '', 'text', '', true, $id, timestamptz '2026-02-01'
            """,
            {"id": named},
        )

    kept.lake.write(drift)
    _let_go(kept, noon)

    assert kept.landed() == [named, floor]


def test_what_the_lake_has_not_admitted_stays(kept: Any, noon: datetime) -> None:
    unknown, floor = kept.land(50), kept.admit(40)

    _let_go(kept, noon)

    assert kept.landed() == [unknown, floor]


def test_an_answer_that_broke_off_is_no_floor(kept: Any, noon: datetime) -> None:
    old = kept.admit(50)
    broken = kept.land(40, complete=False)
    kept.record(broken, 40, whole=False)

    _let_go(kept, noon)

    assert kept.landed() == [old, broken]


def test_what_a_crash_left_half_written_goes_and_what_is_being_written_stays(kept: Any, noon: datetime) -> None:
    litter, young = (kept.files.folder / "erp" / "orders" / name for name in ("a.part", "b.part"))
    for folder, age in ((litter, 1), (young, -1)):
        folder.mkdir(parents=True)
        then = (noon - timedelta(hours=age)).timestamp()
        os.utime(folder, (then, then))

    effect = _let_go(kept, noon)

    assert (litter.exists(), young.exists()) == (False, True)
    assert effect.counts["parts_removed"] == 1


def test_a_dry_run_says_what_would_go_and_leaves_it(kept: Any, noon: datetime) -> None:
    kept.admit(50)
    kept.admit(40)

    rehearsed = _let_go(kept, noon, dry_run=True)
    assert len(kept.landed()) == 2

    done = _let_go(kept, noon)
    assert len(kept.landed()) == 1
    assert (rehearsed.after, rehearsed.counts) == (done.after, done.counts)
