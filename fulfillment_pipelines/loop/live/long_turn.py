"""The writer's turn that a live loop holds over several rounds, so that the lake is told of them together.

Telling the lake costs as much as a small round. While there is always news, other writers wait for the end of the turn,
and readers of the lake see it then; when there is none, the turn ends at once.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from fulfillment_pipelines.warehouse import Warehouse


class LongTurn:
    """A turn among the lake's writers that begins with a round, and ends later.

    Args:
        warehouse: The lake; where it is worked on itself, and not on a copy, every round is a turn.
        seconds: How long it may go on.
        monotonic: Seconds that only ever grow.
    """

    def __init__(self, warehouse: Warehouse, seconds: float, monotonic: Callable[[], float]) -> None:
        self._warehouse = warehouse
        self._seconds = seconds if warehouse.location.working_copy else 0.0
        self._monotonic = monotonic
        self._held = ExitStack()
        self._since: float | None = None

    @property
    def is_due(self) -> bool:
        """Whether it has gone on for as long as it may."""
        return self._since is not None and self._monotonic() - self._since >= self._seconds

    def begin(self) -> None:
        """Begin it, unless it goes on.

        Raises:
            RetryableError: Another writer held the lake for too long.
        """
        if self._since is None:
            self._held.enter_context(self._warehouse.turn())
            self._since = self._monotonic()

    def end(self) -> None:
        """End it, if it goes on: the lake is told of everything.

        Raises:
            RetryableError: The lake could not be told; what was admitted since the turn began must be admitted again.
        """
        self._since = None
        self._held.close()
