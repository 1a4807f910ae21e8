"""A ledger that tells which points its transactions pass, so that a fault can come at any of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import literal, select

from fulfillment_pipelines.ledger.unit_of_work import Ledger, UnitOfWork

READS, BEGINS, COMMITS, HAS_COMMITTED = "reads", "begins to write", "commits", "has committed"
"""The points of a transaction."""


class PointedLedger(Ledger):
    """A ledger whose transactions tell it the points they pass; what happens there is up to `pass_point`."""

    @contextmanager
    def unit_of_work(self) -> Iterator[UnitOfWork]:
        """Open a transaction that writes, as `Ledger` does."""
        self.pass_point(BEGINS)
        with super().unit_of_work() as work:
            yield _Work(work, self)

    @contextmanager
    def reading(self) -> Iterator[UnitOfWork]:
        """Open a transaction that reads, as `Ledger` does."""
        self.pass_point(READS)
        with super().reading() as work:
            yield work

    def pass_point(self, point: str) -> bool:
        """Pass a point; return whether the connection may be lost there."""
        raise NotImplementedError(point)


class _Work(UnitOfWork):
    def __init__(self, work: UnitOfWork, ledger: PointedLedger) -> None:
        super().__init__(work._connection)
        self._ledger = ledger

    def commit(self) -> None:
        self._ledger.pass_point(COMMITS)
        super().commit()
        if self._ledger.pass_point(HAS_COMMITTED):
            # The answer is lost: what the driver says now, it would have said to the commit.
            self.rows(select(literal(1)))
