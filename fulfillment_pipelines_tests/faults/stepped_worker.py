"""A dispatcher that stops at the door of its target, in a thread of its own: it goes on when the test says so.

Only one thread runs at a time, so that a test is repeated exactly. A worker can die at the door, or at any point of
its transactions; what died does not touch the ledger any more, as a killed process would not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Queue
from typing import Any, TypeAlias

from fulfillment_pipelines.corrections.delivering.dispatch import Dispatcher
from fulfillment_pipelines.domain.correction import Correction, Observed, Receipt
from fulfillment_pipelines.systems.port import CorrectionSink
from fulfillment_pipelines_tests.faults.pointed_ledger import PointedLedger

_PATIENCE_SECONDS = 120


class Died(BaseException):
    """The end of a worker, at the very place."""


@dataclass(frozen=True)
class AtTheDoor:
    """A worker waits for what becomes of its request."""

    is_look: bool
    correction: Correction


@dataclass(frozen=True)
class Ended:
    """A worker has come to its end: by itself, by dying, or with an error."""

    died: bool
    error: BaseException | None = None


Event: TypeAlias = AtTheDoor | Ended


class MortalLedger(PointedLedger):
    """The ledger of one worker, at which it may die.

    Attributes:
        dies_after: How many points are still passed; None where it does not die.
        is_dead: Whether nothing more is done.
    """

    dies_after: int | None = None
    is_dead = False

    def pass_point(self, point: str) -> bool:
        """Pass a point, or die there."""
        del point
        if self.dies_after is not None:
            self.dies_after -= 1
            self.is_dead = self.is_dead or self.dies_after < 0
        if self.is_dead:
            raise Died
        return False


class SteppedWorker:
    """One run of a dispatcher.

    Args:
        name: What the ledger calls it.
        ledger: Its own connection.
        dispatcher_on: Makes the dispatcher that writes to a sink.

    Attributes:
        at: Where it stands.
    """

    at: Event

    def __init__(self, name: str, ledger: MortalLedger, dispatcher_on: Callable[[CorrectionSink], Dispatcher]) -> None:
        self.name = name
        self.ledger = ledger
        self._events: Queue[Event] = Queue()
        self._replies: Queue[Callable[[], Any]] = Queue()
        self._thread = threading.Thread(target=self._run, args=(dispatcher_on(_Door(self._stand)),), daemon=True)

    @property
    def is_running(self) -> bool:
        """Whether it has not come to its end."""
        return isinstance(self.at, AtTheDoor)

    def start(self) -> None:
        """Let it run to the door of the target, or to its end."""
        self._thread.start()
        self._await()

    def go_on(self, reply: Callable[[], Any]) -> None:
        """Let its request become what a function does, and run to the next door or to its end."""
        self._replies.put(reply)
        self._await()

    def die(self) -> None:
        """End it where it stands."""

        def end() -> None:
            self.ledger.is_dead = True
            raise Died

        self.go_on(end)

    def _await(self) -> None:
        self.at = self._events.get(timeout=_PATIENCE_SECONDS)
        if isinstance(self.at, Ended):
            self._thread.join(_PATIENCE_SECONDS)
            self.ledger.close()

    def _run(self, dispatcher: Dispatcher) -> None:
        try:
            dispatcher.run()
        except Died:
            self._events.put(Ended(died=True))
        except BaseException as error:  # noqa: BLE001 - it is told to the test, which fails
            self._events.put(Ended(died=False, error=error))
        else:
            self._events.put(Ended(died=False))

    def _stand(self, at: AtTheDoor) -> Any:
        self._events.put(at)
        return self._replies.get(timeout=_PATIENCE_SECONDS)()


class _Door:
    """What a worker takes for the target."""

    system = "finance"

    def __init__(self, stand: Callable[[AtTheDoor], Any]) -> None:
        self._stand = stand

    def apply(self, correction: Correction) -> Receipt:
        """Wait for what becomes of the request."""
        receipt: Receipt = self._stand(AtTheDoor(is_look=False, correction=correction))
        return receipt

    def read_back(self, correction: Correction) -> Observed:
        """Wait for what is seen."""
        observed: Observed = self._stand(AtTheDoor(is_look=True, correction=correction))
        return observed
