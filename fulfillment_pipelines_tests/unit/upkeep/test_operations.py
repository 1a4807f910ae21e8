"""Records of the platform's own work go when they are old, but for those that the next run looks at."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from fulfillment_pipelines.loop.operations import admitted_snapshots
from fulfillment_pipelines.upkeep.effects import Effect
from fulfillment_pipelines.upkeep.operations import let_go
from fulfillment_pipelines.warehouse import Connection

TABLES = ("ops_pulls", "ops_snapshots", "ops_expectations", "ops_quarantine")


def _let_go(kept: Any, noon: datetime, *, dry_run: bool = False) -> Effect:
    before = noon - timedelta(days=90)
    landed = kept.files.identities()
    return let_go(kept.lake, landed, before=before, attempted_before=before, dry_run=dry_run)


def _counts(kept: Any) -> list[int]:
    return [kept.count(table) for table in TABLES]


def test_old_records_of_what_is_no_longer_landed_go_with_all_that_hangs_on_them(kept: Any, noon: datetime) -> None:
    kept.record("S-old", 100, quarantined_rows=2)
    kept.record("S-recent", 80, quarantined_rows=1)

    effect = _let_go(kept, noon)

    assert _counts(kept) == [1, 1, 1, 1]
    assert effect.rows_removed == 5
    assert effect.counts["quarantined_rows_removed"] == 2


def test_the_record_of_a_snapshot_that_is_still_landed_stays_since_it_would_be_admitted_again(
    kept: Any, noon: datetime
) -> None:
    landed = kept.admit(100)
    kept.record("S-recent", 1)

    _let_go(kept, noon)

    assert admitted_snapshots(kept.lake) == {("erp", "orders"): {landed, "S-recent"}}


def test_the_last_attempt_and_the_last_snapshot_of_a_silent_feed_stay(kept: Any, noon: datetime) -> None:
    kept.record("S-last", 200)

    effect = _let_go(kept, noon)

    assert _counts(kept) == [1, 1, 1, 0]
    assert effect.rows_removed == 0


def test_the_last_answer_that_said_nothing_new_stays(kept: Any, noon: datetime) -> None:
    def attempts(transaction: Connection) -> None:
        for days_ago, as_of in ((120, noon - timedelta(days=120)), (110, None), (1, None)):
            transaction.execute(
                "insert into ops_pulls select 'erp', 'orders', $at, null, 'FAILED', 'down', $as_of",
                {"at": noon - timedelta(days=days_ago), "as_of": as_of},
            )

    kept.lake.write(attempts)
    _let_go(kept, noon)

    left = kept.lake.query("select epoch(as_of) as as_of from ops_pulls order by attempted_at").column("as_of")
    assert left.to_pylist() == [(noon - timedelta(days=120)).timestamp(), None]


def test_a_dry_run_counts_and_changes_nothing(kept: Any, noon: datetime) -> None:
    kept.record("S-old", 100, quarantined_rows=2)
    kept.record("S-recent", 80)
    before = _counts(kept)

    rehearsed = _let_go(kept, noon, dry_run=True)

    assert _counts(kept) == before
    assert rehearsed.counts == _let_go(kept, noon).counts
