"""Keep in the lake how each feed differs now from what was agreed on: `ops_open_drift`, which rules and people read.

Written in the transaction that brings the snapshot in, so that rows and what is said of them appear together.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from fulfillment_pipelines.snapshots.drift import Difference
from fulfillment_pipelines.snapshots.landing import Manifest
from fulfillment_pipelines.warehouse import Connection, Warehouse, delete_rows, insert_rows

_OPEN_FEEDS: Final = "select distinct system, entity from ops_open_drift"
_NOTE: Final = """
    create or replace temp table noted_drift as
    select
        seen.system,
        seen.entity,
        seen.contract_version,
        seen.kind,
        seen.field,
        seen.agreed,
        seen.found,
        seen.note,
        seen.is_read,
        seen.snapshot_id,
        coalesce(open_drift.drifted_since, seen.as_of) as drifted_since
    from seen
    left join ops_open_drift as open_drift
        on seen.system = open_drift.system
        and seen.entity = open_drift.entity
        and seen.kind = open_drift.kind
        and seen.field = open_drift.field
"""
_FORGET: Final = """
    exists (
        select 1
        from gone
        where gone.system = target.system
            and gone.entity = target.entity
            and (gone.kind is null or gone.kind = target.kind)
            and (gone.field is null or gone.field = target.field)
    )
"""


@dataclass(frozen=True, slots=True)
class SeenDrift:
    """How one snapshot differs from what was agreed on.

    Attributes:
        manifest: The snapshot.
        differences: In which ways; empty for none.
        is_conclusive: Whether what it does not show is over: a whole snapshot with rows shows everything.
    """

    manifest: Manifest
    differences: tuple[Difference, ...]
    is_conclusive: bool


def record_drift(transaction: Connection, seen: Sequence[SeenDrift]) -> None:
    """Bring `ops_open_drift` up to date with snapshots, as part of the running transaction."""
    drifting = set(transaction.execute(_OPEN_FEEDS).fetchall())
    told = [one for one in seen if one.differences or (one.is_conclusive and _feed_of(one.manifest) in drifting)]
    if not told:
        return
    transaction.register("seen", _seen_rows(told))
    transaction.execute(_NOTE)
    transaction.register("settled", _settled_rows(told))
    delete_rows(transaction, "ops_open_drift", _FORGET, "settled")
    insert_rows(transaction, "ops_open_drift", "from noted_drift")


def forget_drift(warehouse: Warehouse, feeds: Collection[tuple[str, str]]) -> None:
    """Take away what is said of feeds, by system and entity, whose new shape a person has accepted.

    Raises:
        RetryableError: Another writer held the lake for too long.
    """

    def forget(transaction: Connection) -> None:
        transaction.register("settled", _settled([(system, entity, None, None) for system, entity in feeds]))
        delete_rows(transaction, "ops_open_drift", _FORGET, "settled")

    warehouse.write(forget)


def _feed_of(manifest: Manifest) -> tuple[str, str]:
    return manifest.system, manifest.entity


def _seen_rows(told: Sequence[SeenDrift]) -> pa.Table:
    rows = [(one.manifest, difference) for one in told for difference in one.differences]
    text = pa.string()
    return pa.table(
        {
            "system": pa.array([manifest.system for manifest, _ in rows], text),
            "entity": pa.array([manifest.entity for manifest, _ in rows], text),
            "contract_version": pa.array([manifest.contract_version for manifest, _ in rows], text),
            "kind": pa.array([difference.kind.value for _, difference in rows], text),
            "field": pa.array([difference.field for _, difference in rows], text),
            "agreed": pa.array([difference.agreed for _, difference in rows], text),
            "found": pa.array([difference.found for _, difference in rows], text),
            "note": pa.array([difference.note for _, difference in rows], text),
            "is_read": pa.array([difference.matters for _, difference in rows], pa.bool_()),
            "snapshot_id": pa.array([manifest.snapshot_id for manifest, _ in rows], text),
            "as_of": pa.array([manifest.as_of for manifest, _ in rows], pa.timestamp("us", "UTC")),
        }
    )


def _settled_rows(told: Sequence[SeenDrift]) -> pa.Table:
    """Everything that was said of a feed that was seen whole; of others, only what is said anew."""
    return _settled(
        [
            (*_feed_of(one.manifest), kind, field)
            for one in told
            for kind, field in (
                [(None, None)]
                if one.is_conclusive
                else [(difference.kind.value, difference.field) for difference in one.differences]
            )
        ]
    )


def _settled(rows: Sequence[tuple[str, str, str | None, str | None]]) -> pa.Table:
    names = ("system", "entity", "kind", "field")
    return pa.table({name: pa.array([row[at] for row in rows], pa.string()) for at, name in enumerate(names)})
