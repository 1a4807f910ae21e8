"""One live loop a deployment, whatever the hosts: the others wait, and follow when the lease ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from sqlalchemy import update

from fulfillment_pipelines.errors import RejectedError, RetryableError
from fulfillment_pipelines.ledger.live_lease import take_lease
from fulfillment_pipelines.ledger.tables import live_lease
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines.loop.live.charge import HEARTBEAT
from fulfillment_pipelines.loop.live.lease import LeaseKeeper, is_held

_PROCESS = """
import sys
from datetime import UTC, datetime
from functools import partial
from threading import Event
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines.loop.live.lease import LeaseKeeper
say = partial(print, flush=True)
keeper = LeaseKeeper(Ledger(sys.argv[1]), seconds=2, stop=Event(), shown_at=lambda: datetime.now(UTC), say=say)
with keeper.held():
    say("in charge")
    sys.stdin.read()
"""


@contextmanager
def _process(ledger_url: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _PROCESS, ledger_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _keeper(ledger: Ledger, stop: Event, *, seconds: float = 30) -> LeaseKeeper:
    return LeaseKeeper(ledger, seconds=seconds, stop=stop, shown_at=lambda: datetime.now(UTC))


def _hold_until_told_to_end(ledger: Ledger, stop: Event, happens: Callable[[], None]) -> None:
    with _keeper(ledger, stop, seconds=1).held():
        happens()
        stop.wait(60)


def test_of_two_processes_one_works_and_the_other_follows_when_it_is_killed(ledger: Ledger, ledger_url: str) -> None:
    with ExitStack() as running:
        first = running.enter_context(_process(ledger_url))
        assert _said(first) == "in charge"
        second = running.enter_context(_process(ledger_url))
        assert "Another live loop is in charge" in _said(second)
        assert is_held(ledger, datetime.now(UTC))
        first.kill()
        assert _said(second) == "in charge"
        second.communicate("")
        assert not is_held(ledger, datetime.now(UTC)), "who ends in order gives the lease back"


def test_whoever_loses_the_lease_ends(ledger: Ledger) -> None:
    stop = Event()

    def take_away() -> None:
        with ledger.unit_of_work() as work:
            far = datetime.now(UTC) + timedelta(hours=1)
            work.change(update(live_lease).values(holder="another", held_until=far))
            work.commit()

    with pytest.raises(RejectedError, match="lease of the live loop was lost"):
        _hold_until_told_to_end(ledger, stop, take_away)
    assert stop.is_set()
    with ledger.unit_of_work() as work:
        assert take_lease(work, "a third", seconds=1, shown_at=datetime.now(UTC)) == "another"


def test_a_ledger_that_does_not_answer_for_as_long_as_the_lease_is_a_lost_lease(
    sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise RetryableError("The ledger does not answer.")

    stop = Event()
    with pytest.raises(RejectedError, match="lease of the live loop was lost"):
        _hold_until_told_to_end(sqlite_ledger, stop, lambda: monkeypatch.setattr(sqlite_ledger, "unit_of_work", away))
    assert stop.is_set()


def test_who_waits_ends_when_told_to(sqlite_ledger: Ledger) -> None:
    stop = Event()
    with _keeper(sqlite_ledger, Event()).held() as first:
        stop.set()
        with _keeper(sqlite_ledger, stop).held() as second:
            assert (first, second) == (True, False)
        assert is_held(sqlite_ledger, datetime.now(UTC))


def test_a_loop_that_holds_the_lease_and_does_not_show_itself_is_not_counted_on(sqlite_ledger: Ledger) -> None:
    now = datetime.now(UTC)
    with sqlite_ledger.unit_of_work() as work:
        take_lease(work, "a host", seconds=3600, shown_at=now)
        work.commit()
    assert is_held(sqlite_ledger, now + HEARTBEAT - timedelta(seconds=1))
    assert not is_held(sqlite_ledger, now + HEARTBEAT + timedelta(seconds=1))


def test_a_ledger_that_was_never_prepared_tells_of_no_loop() -> None:
    ledger = Ledger("sqlite://")
    assert not is_held(ledger, datetime.now(UTC))
    ledger.close()
