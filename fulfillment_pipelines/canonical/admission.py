"""Admit a landed snapshot: read it, check every row against its contract, quarantine what fails, merge the rest.

One transaction per snapshot: its rows, its quarantine, its counts and the keys it changed appear together or
not at all, and admitting it again changes nothing. Comparing systems belongs to `reconcile`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Final

from fulfillment_pipelines.canonical.damage import damage_of
from fulfillment_pipelines.canonical.expectations import ExpectationOutcome, record_outcomes
from fulfillment_pipelines.canonical.quarantine import quarantine, release
from fulfillment_pipelines.canonical.row_checks import (
    check_counts,
    empty_select,
    good_select,
)
from fulfillment_pipelines.canonical.staging import StagedRows, stage_rows, unstage
from fulfillment_pipelines.canonical.vocabulary import Contract
from fulfillment_pipelines.domain.snapshot import PageLayout
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.snapshots.decoding import DecodedSnapshot
from fulfillment_pipelines.snapshots.drift import Difference
from fulfillment_pipelines.snapshots.landing import LandedSnapshot
from fulfillment_pipelines.snapshots.merging import (
    STAGED_KEYS,
    Incoming,
    MergeCounts,
    MergeTarget,
    is_empty,
    load,
    merge,
)
from fulfillment_pipelines.snapshots.open_drift import SeenDrift, record_drift
from fulfillment_pipelines.sql_models import SqlModel, retarget
from fulfillment_pipelines.warehouse import Connection, SqlError, Warehouse, create_view, ensure_table, insert_rows

_ADMITTED: Final = """
    select
        system,
        entity,
        max(as_of) filter (where is_whole) as last_whole_as_of,
        list(snapshot_id) filter (where list_contains($snapshot_ids, snapshot_id)) as snapshot_ids
    from ops_snapshots
    group by system, entity
"""
_QUARANTINED_FEEDS: Final = "select distinct system, entity from ops_open_quarantine"
SCANNED_FROM_ROWS: Final = 100_000
"""Below, keeping the checked rows costs less than looking at the pages twice."""

_STAGED_COUNTS: Final = """
    select
        count(*) as mapped_rows,
        count(*) filter (where is_failing) as failing_rows,
        count(*) filter (where not is_failing and is_repeat) as repeated_rows
    from staged_keys
"""
_NOTE_KEYS: Final = "create or replace temp table noted_keys as from ops_changed_keys limit 0"
_SEE_STAGED: Final = "create or replace view memory.main.checked_rows as from memory.main.checked"
_RECORD_SNAPSHOT: Final = """
    select
        $snapshot_id as snapshot_id, $system as system, $entity as entity, $contract as contract,
        $contract_version as contract_version, $as_of as as_of, $pulled_at as pulled_at,
        $duration_seconds as duration_seconds, $cursor_from as cursor_from, $cursor_to as cursor_to,
        $is_whole as is_whole, $is_complete as is_complete, $problem as problem, $page_count as page_count,
        $content_bytes as content_bytes, $content_sha256 as content_sha256, $declared_rows as declared_rows,
        $landed_rows as landed_rows, $mapped_rows as mapped_rows, $inserted_rows as inserted_rows,
        $updated_rows as updated_rows, $unchanged_rows as unchanged_rows, $superseded_rows as superseded_rows,
        $quarantined_rows as quarantined_rows, $deleted_rows as deleted_rows
"""


@dataclass(frozen=True, slots=True)
class CanonicalFeed:
    """One entity of one system, with what is needed to admit its snapshots.

    Attributes:
        system: Declared name of the system.
        entity: Declared name of the entity.
        contract: The canonical contract its rows are held to.
        layout: How its records lie in a page.
        mapping: The snapshot SQL: source fields under canonical names.
    """

    system: str
    entity: str
    contract: Contract
    layout: PageLayout
    mapping: SqlModel

    @property
    def table(self) -> str:
        """The feed's table in the lake."""
        return f"snap_{self.stage_name}"

    @property
    def stage_name(self) -> str:
        """What sets the feed's names in the stage apart."""
        return f"{self.system}__{self.entity}"


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of the rows of one snapshot.

    Attributes:
        quarantined_rows: Rows that broke the contract, unreadable lines included.
        failures: How many rows fail each check that any row fails, by check.
        outcomes: What Great Expectations said of the rows; empty where it was not asked.
    """

    system: str
    entity: str
    snapshot_id: str
    landed_rows: int
    merged: MergeCounts
    quarantined_rows: int
    failures: dict[str, int]
    outcomes: tuple[ExpectationOutcome, ...] = ()


@dataclass(frozen=True, slots=True)
class StagedSnapshot:
    """A snapshot whose rows were read and checked, and wait in the stage of this process.

    Attributes:
        outcomes: What the expectations say of it; empty where they were not asked.
        drift: How its shape differs from the one agreed on; None where it was held against none.
    """

    feed: CanonicalFeed
    landed: LandedSnapshot
    rows: StagedRows
    outcomes: tuple[ExpectationOutcome, ...] = ()
    drift: tuple[Difference, ...] | None = None

    @property
    def table(self) -> str:
        """The stage table or view; a batch holds at most one snapshot of a feed."""
        return self.rows.table

    @property
    def decoded(self) -> DecodedSnapshot:
        """What was read from the pages."""
        return self.rows.decoded


@dataclass(frozen=True, slots=True)
class _Judged:
    """What the rows of a snapshot are: how many there are, were sent again, or are in quarantine and for what."""

    mapped_rows: int
    repeated_rows: int = 0
    quarantined_rows: int = 0
    keys_are_known: bool = True
    failures: dict[str, int] = field(default_factory=dict)


class Admitter:
    """Admits snapshots into one lake.

    Args:
        warehouse: The lake.
        scanned_from_rows: A snapshot of Parquet with so many rows is read where it lies, each time it is asked for.
    """

    def __init__(self, warehouse: Warehouse, *, scanned_from_rows: int = SCANNED_FROM_ROWS) -> None:
        self._warehouse = warehouse
        self._scanned_from_rows = scanned_from_rows

    def stage(self, feed: CanonicalFeed, landed: LandedSnapshot) -> StagedSnapshot:
        """Read, type and check the rows of a snapshot into a stage table of its own, also seen as `checked_rows`.

        Of a large snapshot of Parquet the stage is a view over the landed pages.
        """
        with self._warehouse.reading() as cursor:
            try:
                return self._stage(cursor, feed, landed)
            except (BadDataError, SqlError):
                damage = damage_of(cursor, landed, feed.layout)
                if not damage:
                    raise
                return self._stage(cursor, feed, landed, damage=damage)

    def set_apart(self, staged: StagedSnapshot, damage: str) -> StagedSnapshot:
        """Return a snapshot, staged before, of which a page turned out damaged: nothing of it is read any more."""
        with self._warehouse.reading() as cursor:
            unstage(cursor, staged.rows, staged.feed.stage_name)
            return replace(staged, rows=self._stage(cursor, staged.feed, staged.landed, damage=damage).rows)

    def merge(self, staged: Sequence[StagedSnapshot]) -> list[Admission]:
        """Bring staged snapshots into the lake in one transaction, in the order given.

        A snapshot that another process has brought in since it was staged is left out. One that turns out damaged
        while it is read goes into quarantine as a page that cannot be read, and holds up no other.
        """
        try:
            admissions = self._warehouse.write(lambda transaction: _merge_all(transaction, staged))
        except SqlError:
            whole = [self._without_damage(one) for one in staged]
            if all(one is before for one, before in zip(whole, staged, strict=True)):
                raise
            return self.merge(whole)
        with self._warehouse.reading() as cursor:
            cursor.execute("drop view if exists memory.main.checked_rows")
            for snapshot in staged:
                unstage(cursor, snapshot.rows, snapshot.feed.stage_name)
        return admissions

    def _without_damage(self, staged: StagedSnapshot) -> StagedSnapshot:
        if not staged.rows.is_scanned:
            return staged
        with self._warehouse.reading() as cursor:
            damage = damage_of(cursor, staged.landed, staged.feed.layout)
        return self.set_apart(staged, damage) if damage else staged

    def _stage(
        self, cursor: Connection, feed: CanonicalFeed, landed: LandedSnapshot, *, damage: str = ""
    ) -> StagedSnapshot:
        rows = stage_rows(
            cursor,
            landed,
            feed.layout,
            feed.mapping,
            feed.contract,
            name=feed.stage_name,
            scanned_from_rows=self._scanned_from_rows,
            damage=damage,
        )
        cursor.execute(retarget(_SEE_STAGED, {"checked": rows.table}))
        return StagedSnapshot(feed, landed, rows)


def _merge_all(transaction: Connection, staged: Sequence[StagedSnapshot]) -> list[Admission]:
    """Ask once for what every merge needs to know: a look at the lake costs as much as a small merge."""
    identities = {"snapshot_ids": [one.landed.manifest.snapshot_id for one in staged]}
    admitted = {row[:2]: row[2:] for row in transaction.execute(_ADMITTED, identities).fetchall()}
    quarantined = set(transaction.execute(_QUARANTINED_FEEDS).fetchall())
    transaction.execute(_NOTE_KEYS)
    admissions = [
        _merge(
            transaction,
            one,
            last_whole_as_of=last_whole_as_of,
            has_quarantine=(one.feed.system, one.feed.entity) in quarantined,
        )
        for one in staged
        for last_whole_as_of, known in [admitted.get((one.feed.system, one.feed.entity), (None, None))]
        if one.landed.manifest.snapshot_id not in (known or [])
    ]
    insert_rows(transaction, "ops_changed_keys", "from noted_keys")
    record_drift(transaction, [seen for one in staged for seen in _seen_drift(one)])
    return admissions


def _seen_drift(staged: StagedSnapshot) -> Iterator[SeenDrift]:
    manifest = staged.landed.manifest
    if staged.drift is not None:
        is_conclusive = manifest.whole and staged.decoded.record_count > 0
        yield SeenDrift(manifest, staged.drift, is_conclusive=is_conclusive)


def _merge(
    transaction: Connection, staged: StagedSnapshot, *, last_whole_as_of: datetime | None, has_quarantine: bool
) -> Admission:
    feed, landed = staged.feed, staged.landed
    manifest, rows = landed.manifest, staged.rows
    create_view(transaction, "checked_rows", retarget("from memory.main.checked", {"checked": staged.table}))
    create_view(transaction, "good_rows", good_select(feed.contract))
    ensure_table(transaction, feed.table, empty_select(feed.contract))
    target = MergeTarget(
        table=feed.table,
        system=feed.system,
        entity=feed.entity,
        contract=feed.contract.name,
        key_columns=frozenset(column.name for column in feed.contract.columns),
    )
    incoming = Incoming(manifest.snapshot_id, manifest.as_of, is_scanned=rows.is_scanned, is_sorted=rows.is_sorted)
    is_late = last_whole_as_of is not None and last_whole_as_of > manifest.as_of
    is_first = last_whole_as_of is None and not has_quarantine and is_empty(transaction, target)
    if is_first and rows.is_scanned:
        counts = load(transaction, target, incoming)
        if counts.inserted_rows == rows.decoded.record_count:
            return _conclude(transaction, staged, _Judged(mapped_rows=counts.inserted_rows), counts)
        judged = _judge(transaction, staged, is_late=False)
    else:
        if has_quarantine:
            release(transaction, manifest)
        judged = _judge(transaction, staged, is_late=is_late)
        counts = (
            load(transaction, target, incoming)
            if is_first
            else merge(
                transaction,
                target,
                incoming,
                may_delete=manifest.whole and judged.keys_are_known,
                last_whole_as_of=last_whole_as_of,
            )
        )
    return _conclude(transaction, staged, judged, counts)


def _judge(transaction: Connection, staged: StagedSnapshot, *, is_late: bool) -> _Judged:
    """Count what the rows are, and put what fails into quarantine."""
    transaction.execute(STAGED_KEYS)
    mapped, failing, repeated = transaction.execute(_STAGED_COUNTS).fetchone() or (0, 0, 0)
    if not failing and not staged.decoded.unreadable:
        return _Judged(mapped_rows=mapped, repeated_rows=repeated)
    feed = staged.feed
    quarantined, keys_are_known = quarantine(
        transaction, staged.landed.manifest, staged.rows, feed.contract, name=feed.stage_name, is_late=is_late
    )
    return _Judged(
        mapped_rows=mapped + len(staged.decoded.unreadable),
        repeated_rows=repeated,
        quarantined_rows=quarantined,
        keys_are_known=keys_are_known,
        failures=check_counts(transaction, feed.contract),
    )


def _conclude(transaction: Connection, staged: StagedSnapshot, judged: _Judged, counts: MergeCounts) -> Admission:
    admission = Admission(
        system=staged.feed.system,
        entity=staged.feed.entity,
        snapshot_id=staged.landed.manifest.snapshot_id,
        landed_rows=staged.decoded.landed_rows,
        merged=replace(counts, superseded_rows=counts.superseded_rows + judged.repeated_rows),
        quarantined_rows=judged.quarantined_rows,
        failures=judged.failures,
        outcomes=staged.outcomes,
    )
    _record(transaction, staged.feed, staged.landed, admission, judged.mapped_rows)
    return admission


def _record(
    transaction: Connection, feed: CanonicalFeed, landed: LandedSnapshot, admission: Admission, mapped_rows: int
) -> None:
    manifest = landed.manifest
    record_outcomes(
        transaction,
        admission.outcomes,
        snapshot_id=manifest.snapshot_id,
        system=manifest.system,
        entity=manifest.entity,
    )
    insert_rows(
        transaction,
        "ops_snapshots",
        _RECORD_SNAPSHOT,
        {
            "snapshot_id": manifest.snapshot_id,
            "system": manifest.system,
            "entity": manifest.entity,
            "contract": feed.contract.name,
            "contract_version": manifest.contract_version,
            "as_of": manifest.as_of,
            "pulled_at": manifest.pulled_at,
            "duration_seconds": manifest.duration_seconds,
            "cursor_from": manifest.since,
            "cursor_to": manifest.cursor,
            "is_whole": manifest.whole,
            "is_complete": manifest.complete,
            "problem": manifest.problem,
            "page_count": len(manifest.pages),
            "content_bytes": manifest.content_bytes,
            "content_sha256": manifest.content_sha256,
            "declared_rows": manifest.declared_rows,
            "landed_rows": admission.landed_rows,
            "mapped_rows": mapped_rows,
            "quarantined_rows": admission.quarantined_rows,
            **asdict(admission.merged),
        },
    )
