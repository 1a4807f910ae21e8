"""Run turns of the loop in processes that kill themselves at a named point; started by `test_crash.py`.

Each line of standard input asks for one run, `[runtime folder, point or "", turns already made]`; the answer is the
exit status. The runs are forked from this process, which has imported everything and opened nothing.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fulfillment_pipelines.canonical.admission import Admitter
from fulfillment_pipelines.corrections.delivering.dispatch import Dispatcher
from fulfillment_pipelines.domain.clock import Clock, FixedClock
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.reconcile.runner import Reconciler
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.snapshots.landing import LandingArea
from fulfillment_pipelines.systems.transports.sql.sink import SqlSink

CONFIG = Path(__file__).parents[1] / "small_distributor" / "databases.yaml"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_at_call(owner: Any, name: str, *, call: int = 1, after: bool = False) -> None:
    """Let the process die before, or after, the given call of a function."""
    original: Callable[..., Any] = getattr(owner, name)
    numbers = itertools.count(1)  # systems are pulled by threads of their own, so each call keeps its number

    def wrapped(*arguments: Any, **named: Any) -> Any:
        number = next(numbers)
        if number == call and not after:
            die()
        answer = original(*arguments, **named)
        if number == call:
            die()
        return answer

    setattr(owner, name, wrapped)


def _between_pages_and_rename() -> None:
    original = Path.rename

    def rename(path: Path, target: Path) -> Path:
        if path.name.endswith(".part"):  # of whichever feed an earlier crash has not let land yet
            die()
        return original(path, target)

    Path.rename = rename  # type: ignore[assignment, method-assign]


def _between_feeds() -> None:
    stages._BATCH_ROWS = 1
    _die_at_call(Admitter, "merge", call=4)


POINTS: dict[str, Callable[[], None]] = {
    "some feeds landed": lambda: _die_at_call(LandingArea, "land", call=5, after=True),
    "pages written, not renamed": _between_pages_and_rename,
    "all landed, attempts not recorded": lambda: _die_at_call(stages, "record_attempts"),
    "pulled": lambda: _die_at_call(stages, "record_attempts", after=True),
    "some feeds admitted": _between_feeds,
    "admitted": lambda: _die_at_call(Reconciler, "reconcile"),
    "reconciled, not committed": lambda: _die_at_call(Reconciler, "_summarise", after=True),
    "reconciled": lambda: _die_at_call(Reconciler, "reconcile", after=True),
    "decided, not committed": lambda: _die_at_call(UnitOfWork, "commit"),
    "decided": lambda: _die_at_call(UnitOfWork, "commit", after=True),
    "claimed, not sent": lambda: _die_at_call(SqlSink, "apply"),
    "sent, receipt not kept": lambda: _die_at_call(SqlSink, "apply", after=True),
}


class _Later:
    """A clock that is ahead of another."""

    def __init__(self, clock: Clock, by: timedelta) -> None:
        self._clock = clock
        self._by = by

    def now(self) -> datetime:
        return self._clock.now() + self._by


def _impatient(platform: Platform, turns: int, *, minutes: int = 0) -> Platform:
    """Let time have passed, so that leases of the dead are over and what they had sent has settled."""
    clock = FixedClock(datetime.now(UTC) + timedelta(hours=turns))
    delivery = platform.policies.delivery
    sink = platform.registry.sink
    dispatcher = Dispatcher(
        platform.ledger,
        sink,
        delivery,
        clock=_Later(platform.clock, timedelta(minutes=minutes)),
        machine_clock=clock,
        jitter=lambda: 0.5,
    )
    return replace(platform, dispatcher=dispatcher)


def turn(runtime: str, turns: int) -> None:
    """Make one turn of the loop."""
    with build_platform(Settings(runtime_dir=Path(runtime), duckdb_threads=1), config=CONFIG) as opened:
        platform = _impatient(opened, turns)
        platform.prepare()
        stages.pull(platform)
        stages.admit(platform)
        stages.require_invariants(stages.reconcile(platform, full=False))
        stages.decide(platform)
        stages.dispatch(platform)
        # The first takes rows of the dead over; what they had sent has had its time when the second looks.
        stages.dispatch(_impatient(opened, turns, minutes=1))


def _forked(runtime: str, dies_at: str, turns: int) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if dies_at:
                # The ledger is migrated before the crash points are laid.
                with build_platform(Settings(runtime_dir=Path(runtime), duckdb_threads=1), config=CONFIG) as platform:
                    platform.prepare()
                POINTS[dies_at]()
            turn(runtime, turns)
            status = 0
        except BaseException:  # noqa: BLE001 - the fork must not return into the loop of its parent
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        finally:
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Answer the requests of standard input."""
    for line in sys.stdin:
        sys.stdout.write(f"{_forked(*json.loads(line))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
