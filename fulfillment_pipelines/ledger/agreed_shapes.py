"""The shapes of feeds that were agreed on, by contract version: the first that came, or one a person has accepted.

What a shape is and how two of them differ belongs to `snapshots`; here it is a text that is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import insert, select

from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.tables import agreed_shape
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

ACCEPTED: Final = "shape.accepted"
"""How the audit log calls it that a person accepts what a system's answers have become."""

LEARNED_BY: Final = "snapshots"
"""Who agreed on a shape that was the first to come."""


@dataclass(frozen=True, slots=True)
class AgreedShape:
    """A shape that was agreed on.

    Attributes:
        contract_version: The version of the interface it was agreed on for.
        shape: The shape, as JSON.
        snapshot_id: The snapshot that showed it.
        agreed_by: The person who accepted it, or LEARNED_BY.
    """

    system: str
    entity: str
    contract_version: str
    shape: str
    snapshot_id: str
    agreed_at: datetime
    agreed_by: str
    reason: str


class AgreedShapes:
    """All shapes in force.

    Args:
        shapes: Any number for a feed and version, in the order in which they were agreed on; the last counts.
    """

    def __init__(self, shapes: Iterable[AgreedShape]) -> None:
        self._by_version: dict[tuple[str, str, str], AgreedShape] = {}
        self._newest: dict[tuple[str, str], AgreedShape] = {}
        for shape in shapes:
            self.add(shape)

    def add(self, shape: AgreedShape) -> None:
        """Let a shape be in force from now on."""
        self._by_version[shape.system, shape.entity, shape.contract_version] = shape
        self._newest[shape.system, shape.entity] = shape

    def of(self, system: str, entity: str, contract_version: str) -> AgreedShape | None:
        """Return what a feed's answers are held against: the shape of its version, else the one agreed on last.

        A new version is agreed on by a person; until then it is told how it differs from the one before.
        """
        own = self._by_version.get((system, entity, contract_version))
        return own or self._newest.get((system, entity))


def agreed_shapes(work: UnitOfWork) -> AgreedShapes:
    """Return every shape in force."""
    rows = work.rows(select(agreed_shape).order_by(agreed_shape.c.agreed_at))
    return AgreedShapes(AgreedShape(**row._mapping) for row in rows)  # noqa: SLF001 - how SQLAlchemy names the columns


def agree(work: UnitOfWork, shapes: Sequence[AgreedShape]) -> None:
    """Keep shapes that were agreed on; what a person accepted goes into the audit log as well.

    Raises:
        RetryableError: The ledger is busy.
        InvariantError: A feed's shape was agreed on twice at one moment.
    """
    columns = [column.name for column in agreed_shape.c]
    work.change(insert(agreed_shape), [{name: getattr(shape, name) for name in columns} for shape in shapes])
    audit.append(work, [_entry(shape) for shape in shapes if shape.agreed_by != LEARNED_BY])


def _entry(shape: AgreedShape) -> audit.AuditEntry:
    return audit.AuditEntry(
        recorded_at=shape.agreed_at,
        actor=shape.agreed_by,
        action=ACCEPTED,
        subject=f"{shape.system}/{shape.entity}",
        detail={"contract_version": shape.contract_version, "snapshot_id": shape.snapshot_id},
        reason=shape.reason,
        evidence_hash=hashlib.sha256(shape.shape.encode()).hexdigest(),
    )
