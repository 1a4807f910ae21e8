"""Admit a landed snapshot: read it, check every row against its contract, quarantine what fails, merge the rest.

One transaction per snapshot: its rows, its quarantine, its counts and the keys it changed appear together or
not at all, and admitting it again changes nothing. Comparing systems belongs to `reconcile`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

import pyarrow as pa
from sqlglot import exp

from fulfillment_pipelines.canonical.expectations import ExpectationOutcome, record_outcomes
from fulfillment_pipelines.canonical.row_checks import (
    check_counts,
    checking_select,
    checks_of,
    empty_select,
    failing_select,
    good_select,
)
from fulfillment_pipelines.canonical.vocabulary import Contract
from fulfillment_pipelines.domain.snapshot import PageLayout
from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.snapshots.decoding import ROW_NUMBER, DecodedSnapshot, UnreadableLine, decode
from fulfillment_pipelines.snapshots.drift import Difference
from fulfillment_pipelines.snapshots.landing import LandedSnapshot
from fulfillment_pipelines.snapshots.merging import MergeCounts, MergeTarget, merge
from fulfillment_pipelines.snapshots.open_drift import SeenDrift, record_drift
from fulfillment_pipelines.sql_models import SqlModel, retarget
from fulfillment_pipelines.warehouse import (
    Connection,
    SqlError,
    Warehouse,
    create_table,
    create_view,
    ensure_table,
    scalar,
)

_QUARANTINE: Final = """
    create or replace temp table quarantined_rows as
    select
        failing.landed_row_no,
        failing.source_key,
        failing.order_id,
        failing.node,
        failing.sku,
        failing.uom,
        array_to_string(
            list_filter($check_ids, lambda check_id, position: (failing.failed_mask >> (position - 1)) & 1 = 1), ', '
        ) as failed_checks,
        cast(to_json(landed) as varchar) as record
    from failing
    join landed on failing.landed_row_no = landed.landed_row_no
    union all by name
    select landed_row_no, failed_checks, record from unreadable_rows
"""

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
_NOTE_KEYS: Final = "create or replace temp table noted_keys as from ops_changed_keys limit 0"
_SEE_STAGED: Final = "create or replace view memory.main.checked_rows as from memory.main.checked"
_UNSTAGE: Final = "drop table if exists memory.main.checked"
_RELEASE: Final = """
    delete from ops_open_quarantine
    where system = $system and entity = $entity
        and ($is_whole or source_key in (select source_key from good_rows))
"""

_RECORD_QUARANTINE: Final = """
    insert into quarantine_target by name
    select
        $snapshot_id as snapshot_id, $system as system, $entity as entity, cast($as_of as timestamptz) as as_of,
        landed_row_no, source_key, order_id, node, sku, uom, failed_checks, record
    from quarantined_rows
"""

_RECORD_SNAPSHOT: Final = """
    insert into ops_snapshots
    select
        $snapshot_id, $system, $entity, $contract, $contract_version, $as_of, $pulled_at, $duration_seconds,
        $cursor_from, $cursor_to, $is_whole, $is_complete, $problem, $page_count, $content_bytes, $content_sha256,
        $declared_rows, $landed_rows, $mapped_rows, $inserted_rows, $updated_rows, $unchanged_rows, $superseded_rows,
        $quarantined_rows, $deleted_rows
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
        return f"snap_{self.system}__{self.entity}"


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
    """A snapshot whose rows were read and checked, and wait in a stage table of this process.

    Attributes:
        outcomes: What the expectations say of it; empty where they were not asked.
        drift: How its shape differs from the one agreed on; None where it was held against none.
    """

    feed: CanonicalFeed
    landed: LandedSnapshot
    decoded: DecodedSnapshot
    outcomes: tuple[ExpectationOutcome, ...] = ()
    drift: tuple[Difference, ...] | None = None

    @property
    def table(self) -> str:
        """The stage table; a batch holds at most one snapshot of a feed."""
        return f"checked_{self.feed.system}__{self.feed.entity}"


class Admitter:
    """Admits snapshots into one lake.

    Args:
        warehouse: The lake.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def stage(self, feed: CanonicalFeed, landed: LandedSnapshot) -> StagedSnapshot:
        """Read, type and check the rows of a snapshot into a stage table of its own, also seen as `checked_rows`.

        A page that cannot be read at all becomes one unreadable line, so that it is quarantined like a row.
        """
        with self._warehouse.reading() as cursor:
            decoded = _decoded(cursor, landed, feed.layout)
            cursor.register("landed", decoded.records)
            _map(cursor, feed)
            staged = StagedSnapshot(feed, landed, decoded)
            create_table(cursor, "memory.main." + staged.table, checking_select(feed.contract))
            cursor.execute(retarget(_SEE_STAGED, {"checked": staged.table}))
        return staged

    def merge(self, staged: Sequence[StagedSnapshot]) -> list[Admission]:
        """Bring staged snapshots into the lake in one transaction, in the order given.

        A snapshot that another process has brought in since it was staged is left out.
        """
        admissions = self._warehouse.write(lambda transaction: _merge_all(transaction, staged))
        with self._warehouse.reading() as cursor:
            cursor.execute("drop view if exists memory.main.checked_rows")
            for snapshot in staged:
                cursor.execute(retarget(_UNSTAGE, {"checked": snapshot.table}))
        return admissions


def _decoded(cursor: Connection, landed: LandedSnapshot, layout: PageLayout) -> DecodedSnapshot:
    try:
        return decode(cursor, landed, layout)
    except BadDataError as error:
        none = pa.table({name: pa.array([], pa.string()) for name in layout.fields})
        records = none.add_column(0, ROW_NUMBER, pa.array([], pa.int64()))
        page = UnreadableLine(page=", ".join(landed.manifest.pages), line_no=0, problem=str(error), text="")
        return DecodedSnapshot(records, (page,))


def _map(cursor: Connection, feed: CanonicalFeed) -> None:
    """Show the landed records under canonical names as `mapped`; what a mapping leaves out is null.

    Only a column that the contract does not require may be left out.
    """
    try:
        create_view(cursor, "given", feed.mapping.body)
        given = [row[0] for row in cursor.execute("describe given").fetchall()]
    except SqlError as error:
        raise ConfigurationError(
            f"{feed.mapping.path.name} does not run.",
            expected=f"a select from `landed` with the fields {', '.join(feed.layout.fields)}",
            found=str(error).splitlines()[0],
            remedy=f"correct the SQL, or the fields of {feed.system}.{feed.entity} in its YAML",
        ) from error
    columns = feed.contract.columns
    wanted = {ROW_NUMBER, *(column.name for column in columns if column.required)}
    known = {ROW_NUMBER, *(column.name for column in columns)}
    if not wanted <= set(given) <= known or len(given) != len(set(given)):
        raise ConfigurationError(
            f"{feed.mapping.path.name} does not give the columns of contract '{feed.contract.name}'.",
            expected=", ".join([ROW_NUMBER, *(column.name for column in columns)]),
            found=", ".join(given),
            remedy="select each column of the contract once; only one that is not required may be left out",
        )
    missing = [exp.null().as_(name) for name in sorted(known - set(given))]
    create_view(cursor, "mapped", exp.select("*", *missing).from_("given").sql(dialect="duckdb"))


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
    transaction.execute("insert into ops_changed_keys from noted_keys")
    record_drift(transaction, [seen for one in staged for seen in _seen_drift(one)])
    return admissions


def _seen_drift(staged: StagedSnapshot) -> Iterator[SeenDrift]:
    manifest = staged.landed.manifest
    if staged.drift is not None:
        is_conclusive = manifest.whole and staged.decoded.records.num_rows > 0
        yield SeenDrift(manifest, staged.drift, is_conclusive=is_conclusive)


def _merge(
    transaction: Connection, staged: StagedSnapshot, *, last_whole_as_of: datetime | None, has_quarantine: bool
) -> Admission:
    feed, landed, decoded = staged.feed, staged.landed, staged.decoded
    manifest = landed.manifest
    create_view(transaction, "checked_rows", retarget("from memory.main.checked", {"checked": staged.table}))
    transaction.execute("create or replace temp table good_rows as " + good_select(feed.contract))
    ensure_table(transaction, feed.table, empty_select(feed.contract))
    if has_quarantine:
        names = {"system": feed.system, "entity": feed.entity, "is_whole": manifest.whole}
        transaction.execute(_RELEASE, names)
    quarantined, keys_are_known = _quarantine(transaction, staged)
    counts = merge(
        transaction,
        MergeTarget(
            table=feed.table,
            system=feed.system,
            entity=feed.entity,
            contract=feed.contract.name,
            key_columns=frozenset(column.name for column in feed.contract.columns),
        ),
        snapshot_id=manifest.snapshot_id,
        as_of=manifest.as_of,
        may_delete=manifest.whole and keys_are_known,
        last_whole_as_of=last_whole_as_of,
    )
    repeats = scalar(transaction, "select count(*) from checked_rows where failed_mask = 0 and is_repeat")
    admission = Admission(
        system=feed.system,
        entity=feed.entity,
        snapshot_id=manifest.snapshot_id,
        landed_rows=decoded.landed_rows,
        merged=MergeCounts(**{**asdict(counts), "superseded_rows": counts.superseded_rows + repeats}),
        quarantined_rows=quarantined,
        failures=check_counts(transaction, feed.contract),
        outcomes=staged.outcomes,
    )
    mapped_rows = scalar(transaction, "select count(*) from checked_rows") + len(decoded.unreadable)
    _record(transaction, feed, landed, admission, mapped_rows)
    return admission


def _quarantine(transaction: Connection, staged: StagedSnapshot) -> tuple[int, bool]:
    """Put what fails into quarantine; return how many rows, and whether all their keys are known."""
    feed, manifest, decoded = staged.feed, staged.landed.manifest, staged.decoded
    failing = scalar(transaction, "select count(*) from checked_rows where failed_mask <> 0")
    if not failing and not decoded.unreadable:
        return 0, True
    transaction.register("landed", decoded.records)
    transaction.register("unreadable_rows", _unreadable_rows(decoded))
    create_view(transaction, "failing", failing_select(feed.contract))
    transaction.execute(_QUARANTINE, {"check_ids": [check.check_id for check in checks_of(feed.contract)]})
    row = {
        "system": feed.system,
        "entity": feed.entity,
        "snapshot_id": manifest.snapshot_id,
        "as_of": manifest.as_of,
    }
    for table in ("ops_quarantine", "ops_open_quarantine"):
        transaction.execute(retarget(_RECORD_QUARANTINE, {"quarantine_target": table}), row)
    without_key = scalar(transaction, "select count(*) from quarantined_rows where source_key is null")
    return failing + len(decoded.unreadable), without_key == 0


def _unreadable_rows(decoded: DecodedSnapshot) -> pa.Table:
    lines = decoded.unreadable
    return pa.table(
        {
            ROW_NUMBER: pa.array([line.line_no for line in lines], pa.int64()),
            "failed_checks": pa.array([f"page:readable ({line.problem})" for line in lines], pa.string()),
            "record": pa.array([json.dumps({"page": line.page, "text": line.text}) for line in lines], pa.string()),
        }
    )


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
    transaction.execute(
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
