"""The live loop itself: wait for the bell, ask, run a round, and begin again, until it is told to stop.

It holds everything warm: the lake attached, the ledger open, connections to the systems alive. Nothing it holds is
the truth: killed at any point, the next one goes on from the lake and the ledger.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Event
from typing import Final

from fulfillment_pipelines.errors import FulfillmentError, InvariantError, RetryableError
from fulfillment_pipelines.ledger.backlog import BacklogLine
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.live.agenda import Agenda
from fulfillment_pipelines.loop.live.asking import Asker, SystemAnswer
from fulfillment_pipelines.loop.live.bell import Bell
from fulfillment_pipelines.loop.live.deliveries import Deliveries
from fulfillment_pipelines.loop.live.lags import Lags
from fulfillment_pipelines.loop.live.rounds import RoundResult, Rounds
from fulfillment_pipelines.loop.live.status import LiveStatus, write_status
from fulfillment_pipelines.loop.live.watching import Watch
from fulfillment_pipelines.loop.platform import Platform, runtime_folder
from fulfillment_pipelines.loop.policy_mark import read_mark

_BEAT_SECONDS: Final = 1.0
AGAIN_SECONDS: Final = 5.0
"""How long to wait where the lake or the ledger is busy."""

_MERGE: Final = "call ducklake_merge_adjacent_files($lake)"


@dataclass(frozen=True, slots=True)
class LiveListener:
    """What is told while the loop runs; each does nothing unless replaced.

    Attributes:
        round: Told each round, from the loop's thread.
        trouble: Told what went wrong, in words.
    """

    round: Callable[[RoundResult, LiveStatus], None] = lambda _result, _status: None
    trouble: Callable[[str], None] = lambda _words: None


class LiveLoop:
    """The live loop of one platform; who runs it must be in charge (`charge`).

    Args:
        platform: The platform, prepared.
        stop: Set when it is to end; it ends after the round under way.
        listener: Told what happens.
        mark: Which policies were put in force last before the platform was built; read now where it is not given.
        monotonic: Seconds that only ever grow.
    """

    def __init__(
        self,
        platform: Platform,
        stop: Event,
        *,
        listener: LiveListener | None = None,
        mark: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._platform = platform
        self._pace = platform.distributor.live
        self._stop = stop
        self._listener = listener or LiveListener()
        self._monotonic = monotonic
        self._folder = runtime_folder(platform.settings, platform.distributor)
        self._bell = Bell()
        declared = platform.registry.declarations.values()
        self._agenda = Agenda(declared, poll_seconds=self._pace.poll_seconds, monotonic=monotonic)
        self._rounds = Rounds(platform, monotonic)
        self._deliveries = Deliveries(platform, self._note_trouble)
        self._watch = Watch(platform, self._bell, self._note_trouble)
        self._lags = Lags(platform.clock)
        now = platform.machine_clock.now()
        self._status = LiveStatus(process_id=os.getpid(), began_at=now, beat_at=now)
        self._last_round = float("-inf")
        self._next_beat = float("-inf")
        self._merged_at_round = 0
        self._mark = read_mark(self._folder) if mark is None else mark
        self._has_new_policies = False

    @property
    def has_new_policies(self) -> bool:
        """Whether it has ended, or is about to, because other policies are in force than those it was built with."""
        return self._has_new_policies

    @property
    def status(self) -> LiveStatus:
        """How it is doing."""
        return self._status

    def run(self) -> None:
        """Run until told to stop, or until other policies are in force, with which a new one must be built.

        Raises:
            ConfigurationError: A declaration, a secret or an SQL file is wrong.
        """
        # First: what was approved before need not wait for the lake.
        self._deliveries.start()
        try:
            self._take_turns()
        finally:
            self._watch.stop()
            self._deliveries.stop()
            self._beat("stopped", at_once=True)

    def wake(self) -> None:
        """Let the loop look around, for example because it is to stop; may be called from anywhere."""
        self._bell.wake()

    def _caught_up(self) -> Asker | None:
        """Admit what was landed by a loop that was killed, however long the lake is busy; None where it is to end."""
        while not self._stop.is_set():
            self._beat("catching up", at_once=True)
            try:
                stages.admit(self._platform, done=lambda _admission: self._beat("catching up"))
                return Asker(
                    self._platform, most_rows=self._pace.most_rows, answered=self._bell.wake, monotonic=self._monotonic
                )
            except RetryableError as error:
                self._note_trouble(str(error))
                self._stop.wait(AGAIN_SECONDS)
        return None

    def _take_turns(self) -> None:
        asker = self._caught_up()
        if asker is None:
            return
        self._watch.start()
        try:
            while not self._stop.is_set() and not self._has_new_policies:
                self._turn(asker)
        finally:
            self._publish()

    def _turn(self, asker: Asker) -> None:
        self._beat("waiting")
        if self._idle_seconds() and not self._bell.is_rung:
            self._publish()
        self._agenda.note_news(self._bell.hear(self._idle_seconds()))
        if self._stop.is_set():
            return
        asked = self._agenda.take_due()
        asker.ask(asked)
        answers = self._answers(asker, asked)
        has_news = self._rounds.take(answers)
        is_quiet = self._monotonic() - self._last_round >= self._pace.quiet_seconds
        if (has_news or is_quiet) and not self._stop.is_set():
            self._run_round()

    def _idle_seconds(self) -> float:
        until_quiet = self._last_round + self._pace.quiet_seconds - self._monotonic()
        return max(0.0, min(self._agenda.wait_seconds(), until_quiet, _BEAT_SECONDS))

    def _answers(self, asker: Asker, asked: tuple[str, ...]) -> list[SystemAnswer]:
        """Wait for those just asked, but not for the slow among them; take along who answered late."""
        until = self._monotonic() + self._pace.patience_seconds
        answers = self._noted(asker)
        while set(asked) & set(asker.awaited) and self._monotonic() < until and not self._stop.is_set():
            self._agenda.note_news(self._bell.hear(until - self._monotonic()))
            answers += self._noted(asker)
        return answers

    def _noted(self, asker: Asker) -> list[SystemAnswer]:
        answers = asker.take()
        for answer in answers:
            self._agenda.note_answer(answer.system, has_more=answer.has_more)
            self._lags.note(answer)
        return answers

    def _run_round(self) -> None:
        self._beat("a round", at_once=True)
        self._last_round = self._monotonic()
        try:
            result = self._rounds.run()
        except RetryableError as error:
            self._note_trouble(str(error))
            return
        self._deliveries.tell(result.reconciliation.now_at)
        self._note_round(result)
        try:
            stages.require_invariants(result.reconciliation)
        except InvariantError as error:
            self._note_trouble(str(error))
            if self._rounds.revisits_all:  # it does not wait for news
                self._last_round = float("-inf")
        try:
            self._listener.round(result, self._status)
        except FulfillmentError as error:
            self._note_trouble(str(error))
        if self._status.rounds - self._merged_at_round >= self._pace.merge_rounds:
            self._merge_files()

    def _publish(self) -> None:
        """Tell the lake of what was worked out; where that fails, the next round works it out again."""
        try:
            self._rounds.publish()
        except RetryableError as error:
            self._note_trouble(str(error))
            self._last_round = float("-inf")

    def _merge_files(self) -> None:
        """Merge what many small rounds have left: a table of many files is read more slowly by everybody."""
        self._beat("merging files", at_once=True)
        self._merged_at_round = self._status.rounds
        try:
            with self._platform.warehouse.maintaining() as run:
                run(_MERGE, {"lake": self._platform.warehouse.lake_name})
        except RetryableError as error:
            self._note_trouble(str(error))

    def _note_round(self, result: RoundResult) -> None:
        status = self._status
        self._status = status.model_copy(
            update={
                "rounds": status.rounds + 1,
                "changed_rows": status.changed_rows + result.changed_rows,
                "last_round_at": result.began_at,
                "last_round_seconds": {name: round(value, 3) for name, value in result.seconds.items()},
                "last_round_cpu_seconds": round(result.cpu_seconds, 3),
                "lake_wait_seconds": round(status.lake_wait_seconds + result.seconds["lake"], 3),
                "trouble": "",
            }
        )

    def _note_trouble(self, words: str) -> None:
        self._status = self._status.model_copy(update={"trouble": words})
        with suppress(OSError):  # a full disk or a closed terminal: the status has the words
            self._listener.trouble(words)

    def _beat(self, doing: str, *, at_once: bool = False) -> None:
        """Show where it is: at most once a second while it waits, and at once before what may take long."""
        if not at_once and self._monotonic() < self._next_beat:
            return
        self._next_beat = self._monotonic() + _BEAT_SECONDS
        self._has_new_policies = self._has_new_policies or self._are_policies_new()
        backlog = self._deliveries.backlog
        self._status = self._status.model_copy(
            update={
                "beat_at": self._platform.machine_clock.now(),
                "doing": doing,
                "systems": self._lags.by_system(),
                "deliveries_waiting": _waiting(backlog),
                "protective_waiting": sum(line.rows for line in backlog if line.priority == 0),
            }
        )
        write_status(self._folder, self._status)

    def _are_policies_new(self) -> bool:
        """Whether somebody has put other policies in force since; a mark that lay there before says nothing."""
        mark = read_mark(self._folder)
        return mark not in {"", self._mark, self._platform.policies.version}


def _waiting(backlog: tuple[BacklogLine, ...]) -> dict[str, int]:
    waiting: dict[str, int] = {}
    for line in backlog:
        waiting[line.via] = waiting.get(line.via, 0) + line.rows
    return waiting
