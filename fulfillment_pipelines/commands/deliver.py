"""`fulfillment deliver`: the workers that carry approved corrections out, and what waits for them."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from threading import Event
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console

from fulfillment_pipelines.commands.opening import Config, opened_platform, reading_ledger
from fulfillment_pipelines.commands.output import AsJson, console, show_json, show_rows
from fulfillment_pipelines.corrections.delivering.circuit import lets_go
from fulfillment_pipelines.corrections.delivering.delivery_policy import DeliveryPolicy
from fulfillment_pipelines.corrections.delivering.delivery_workers import deliver_until_stopped
from fulfillment_pipelines.corrections.delivering.dispatch import DispatchResult
from fulfillment_pipelines.domain.clock import FixedClock, ReportedClock
from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.ledger.backlog import (
    BacklogLine,
    count_dead_letters,
    read_backlog,
    read_dead_letters,
)
from fulfillment_pipelines.ledger.outbox import sends_since
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope, engaged_switches
from fulfillment_pipelines.ledger.target_health import Circuit, TargetHealth, healthy, read_health
from fulfillment_pipelines.loop.platform import Platform

app = typer.Typer(help="The workers that carry approved corrections out, and what waits for them.")

_STOPPING = (signal.SIGTERM, signal.SIGINT)


@app.callback(invoke_without_command=True)
def deliver(
    context: typer.Context,
    watch: Annotated[
        bool, typer.Option("--watch/--once", help="Go on until SIGTERM or Ctrl-C, or end when nothing is due.")
    ] = False,
    workers: Annotated[int, typer.Option(help="How many deliver at once.", min=1, max=64)] = 1,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Deliver what is due. A stopped worker finishes the message it has and gives the others back.

    Example: fulfillment deliver --watch --workers 4
    """
    if context.invoked_subcommand is not None:
        return
    with opened_platform(config) as platform, _stopped_by_signals() as stop:
        if watch:
            brought = _watch(platform, stop, workers=workers, as_json=as_json)
        else:
            brought = platform.dispatcher.run(should_stop=stop.is_set)
    if as_json:
        show_json({**asdict(brought), "total": brought.total})
    else:
        console().print(f"Delivered: {_told(brought)}", markup=False)


@app.command("status")
def show_status(config: Config = None, as_json: AsJson = False) -> None:
    """Show how each target is doing and what waits for it: circuit, next send, backlog, oldest, dead letters.

    Example: fulfillment deliver status
    """
    with opened_platform(config) as platform:
        policy, now = platform.policies.delivery, platform.clock.now()
        with platform.ledger.reading() as work:
            backlog, health, dead = read_backlog(work), read_health(work), count_dead_letters(work)
            sends = sends_since(work, now - timedelta(hours=1))
            switches = engaged_switches(work)
    waiting = {line.via for line in backlog}
    targets = [
        _target_row(
            health.get(system) or healthy(system, now),
            [line for line in backlog if line.via == system],
            policy,
            now,
            sent_this_hour=sends.get(system, 0),
            dead_letters=dead.get(system, 0),
            is_stopped=bool(switches & {KillSwitch(SwitchScope.EVERYTHING), KillSwitch(SwitchScope.TARGET, system)}),
        )
        for system in sorted({*health, *dead, *waiting})
    ]
    lines = [{**asdict(line), "priority": policy.urgencies[line.priority].name} for line in backlog]
    if as_json:
        show_json({"as_of": now, "targets": targets, "backlog": lines})
        return
    show_rows("Targets", targets, as_json=False, empty="nothing was ever written")
    show_rows("Backlog", lines, as_json=False, empty="nothing waits")


@app.command("dead")
def list_dead_letters(
    target: Annotated[str, typer.Option(help="Only those of this system.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List the corrections that were given up, with the reason and what to do.

    Example: fulfillment deliver dead --target erp
    """
    with reading_ledger(config) as work:
        letters = read_dead_letters(work, [target] if target else [], limit=limit)
    rows = [
        {
            "correction_id": letter.correction_id,
            "case_id": letter.case_id,
            "target": letter.target,
            "via": letter.via,
            "message": letter.message,
            "attempts": letter.attempts,
            "finished_at": letter.finished_at,
            "reason": letter.reason,
            "remedy": f"mend what the reason names, then `fulfillment approvals replay {letter.correction_id}`",
        }
        for letter in letters
    ]
    show_rows("Dead letters", rows, as_json=as_json, empty="none")


def _watch(platform: Platform, stop: Event, *, workers: int, as_json: bool) -> DispatchResult:
    # A reported clock asks the lake; it is asked by one thread, and the workers read what it said.
    shared = FixedClock(platform.clock.now()) if isinstance(platform.clock, ReportedClock) else None

    def set_clock() -> None:
        if shared is not None:
            platform.refresh_clock()
            shared.at = platform.clock.now()

    def tell(result: DispatchResult) -> None:
        if not as_json:
            console().print(f"{platform.machine_clock.now():%H:%M:%S}  {_told(result)}", markup=False)

    def trouble(error: RetryableError) -> None:
        Console(stderr=True).print(f"{platform.machine_clock.now():%H:%M:%S}  {error}", markup=False, soft_wrap=True)

    return deliver_until_stopped(
        [platform.new_dispatcher(shared) for _ in range(workers)],
        stop,
        idle_seconds=platform.policies.delivery.workers.idle_seconds,
        tell=tell,
        trouble=trouble,
        each_round=set_clock,
    )


@contextmanager
def _stopped_by_signals() -> Iterator[Event]:
    """Set the event when the process is asked to end, instead of ending it in the middle of a message."""
    stop = Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in _STOPPING}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _told(result: DispatchResult) -> str:
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in asdict(result).items() if count)
    return counts or "nothing was due"


def _target_row(
    health: TargetHealth,
    waiting: Sequence[BacklogLine],
    policy: DeliveryPolicy,
    now: datetime,
    *,
    sent_this_hour: int,
    dead_letters: int,
    is_stopped: bool,
) -> dict[str, Any]:
    limits = policy.limits_for(health.target)
    blocked_until = None if lets_go(health, limits, now) else health.probe_at
    by_rate = health.next_send_at if health.next_send_at and health.next_send_at > now else None
    return {
        "target": health.target,
        "kill_switch": "engaged" if is_stopped else "",
        "circuit": health.circuit.value,
        "failures": health.failures,
        "down_since": health.opened_at if health.circuit is not Circuit.CLOSED else None,
        "next_send_at": max(filter(None, (blocked_until, by_rate)), default=now),
        "waiting": sum(line.rows for line in waiting),
        "oldest_at": min((line.oldest_at for line in waiting), default=None),
        "sent_this_hour": sent_this_hour,
        "sends_per_hour": limits.sends_per_hour,
        "fallback": limits.fallback.to if limits.fallback else "",
        "dead_letters": dead_letters,
    }
