"""Let go of landed snapshots that a later whole one has superseded, and never of one that the lake is rebuilt from.

After a snapshot that was whole, complete and without a row in quarantine, a feed's table holds its rows and nothing
else, whatever came before: it is a floor. The last floor before the period stays with all after it; what is older goes,
unless a case, a quarantined row or a change of shape names it. What a case names belongs in
`corrections.retaining.evidence`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Final

import pyarrow as pa

from fulfillment_pipelines.snapshots.landing import LandingArea
from fulfillment_pipelines.upkeep.effects import Effect, Stock
from fulfillment_pipelines.warehouse import Warehouse, query_rows

NAME: Final = "landing"

_OLD: Final = """
    with

    kept as (
        select snapshots.system, snapshots.entity, snapshots.snapshot_id, snapshots.as_of, snapshots.quarantined_rows,
            snapshots.is_whole and snapshots.is_complete as is_whole
        from ops_snapshots as snapshots
        semi join landed_ids as landed
            on snapshots.system = landed.system
            and snapshots.entity = landed.entity
            and snapshots.snapshot_id = landed.snapshot_id
    ),

    floors as (
        select system, entity, max(as_of) as floor_at
        from kept
        where is_whole and quarantined_rows = 0 and as_of < $before
        group by system, entity
    )

    select
        kept.system,
        kept.entity,
        kept.snapshot_id,
        floors.floor_at is not null and kept.as_of < floors.floor_at as is_superseded,
        floors.floor_at is not null as has_floor,
        bool_or(kept.is_whole and kept.as_of > coalesce(floors.floor_at, timestamptz '1970-01-01'))
            over (partition by kept.system, kept.entity) as has_quarantine
    from kept
    left join floors on kept.system = floors.system and kept.entity = floors.entity
    where kept.as_of < $before and kept.as_of is distinct from floors.floor_at
    order by kept.system, kept.entity, kept.snapshot_id
"""
_NAMED: Final = """
    select snapshot_id from ops_open_quarantine
    union
    select snapshot_id from ops_open_drift
"""


@dataclass(frozen=True, slots=True)
class OldSnapshot:
    """A landed snapshot that is older than the period and is no floor.

    Attributes:
        is_superseded: Whether a floor before the period came after it.
        has_floor: Whether the feed has a floor before the period.
        has_quarantine: Whether a later whole snapshot of the feed is no floor, since it had rows in quarantine.
    """

    system: str
    entity: str
    snapshot_id: str
    is_superseded: bool
    has_floor: bool
    has_quarantine: bool

    @property
    def feed(self) -> str:
        """The feed, as people call it."""
        return f"{self.system}/{self.entity}"


@dataclass(frozen=True, slots=True)
class LandedFiles:
    """The landing area of a deployment, as what is to be kept small.

    Attributes:
        folder: Its root on this machine.
        warehouse: The lake that admitted its snapshots; what it has not admitted stays.
        area: What finds and removes snapshots, where they are shared with other machines too.
    """

    folder: Path
    warehouse: Warehouse
    area: LandingArea

    def old(self, before: datetime) -> list[OldSnapshot]:
        """Return what is older than a moment and is no floor, the oldest of each feed first."""
        with self.warehouse.reading() as cursor:
            cursor.register("landed_ids", self.identities())
            rows = query_rows(cursor, _OLD, {"before": before}).to_pylist()
            cursor.unregister("landed_ids")
        return [OldSnapshot(**row) for row in rows]

    def named(self) -> frozenset[str]:
        """Return the snapshots that a quarantined row or a change of shape names now."""
        return frozenset(self.warehouse.query(_NAMED).column("snapshot_id").to_pylist())

    def remove(self, snapshots: Iterable[OldSnapshot]) -> None:
        """Remove snapshots, each whole or not at all."""
        for snapshot in snapshots:
            self.area.remove(snapshot.system, snapshot.entity, snapshot.snapshot_id)

    def identities(self) -> pa.Table:
        """Return `system`, `entity` and `snapshot_id` of every landed snapshot."""
        columns = list(zip(*self.area.everything(), strict=True)) or [(), (), ()]
        return pa.table(
            [pa.array(column, pa.string()) for column in columns], names=["system", "entity", "snapshot_id"]
        )


def let_go(
    landed: LandedFiles, *, before: datetime, half_written_before: datetime, evidence: Collection[str], dry_run: bool
) -> Effect:
    """Let go of landed snapshots that the lake can be rebuilt without.

    Args:
        landed: The landing area.
        before: What speaks of a moment before it is old enough.
        half_written_before: Of this machine's time; what was half written before it is litter.
        evidence: Snapshots that cases name, which stay.
        dry_run: Whether to leave all as it is.

    Returns:
        The effect; in a dry run `after` is what would be left.
    """
    old = landed.old(before)
    named = landed.named() | frozenset(evidence)
    going = [snapshot for snapshot in old if snapshot.is_superseded and snapshot.snapshot_id not in named]
    counts = {"snapshots_removed": len(going), "snapshots_kept_as_evidence": 0, "parts_removed": 0}
    counts["snapshots_kept_as_evidence"] = sum(one.is_superseded for one in old) - len(going)
    before_it = Stock.of(landed.folder)
    if dry_run:
        leaving = (Stock.of(landed.folder / one.system / one.entity / one.snapshot_id) for one in going)
        after = before_it - sum(leaving, Stock())
    else:
        landed.remove(going)
        counts["parts_removed"] = landed.area.remove_parts(half_written_before)
        after = Stock.of(landed.folder)
    return Effect(NAME, before_it, after, counts=counts, kept=tuple(_reasons(old)))


def _reasons(old: Iterable[OldSnapshot]) -> Iterator[str]:
    """Tell of the feeds that have no floor, or only one that should long have been followed by another."""
    waiting = (one for one in old if not one.is_superseded and (one.has_quarantine or not one.has_floor))
    for feed, snapshots in groupby(waiting, key=lambda one: one.feed):
        found = list(snapshots)
        why = "has rows in quarantine" if found[0].has_quarantine else "is not whole"
        yield f"{feed}: {len(found)} old snapshots stay, since what came after them {why}."
