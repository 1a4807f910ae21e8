"""When a system is taken to be down, and how it is found to be up again: pure decisions on its health.

Closed, messages go. After so many failures of the system in a row it opens, and nothing goes. After a wait exactly
one message goes, as a probe: its answer closes the circuit, its failure opens it for longer. Which failure is the
system's and which the message's is decided in `attempt`.

The state is a row of the ledger that all workers share, read and written in the transactions that claim rows and
record answers. pybreaker (BSD, maintained) keeps its state behind a storage that reads and writes each field by
itself, and lets one probe through per process; neither makes one probe of one worker out of many.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from fulfillment_pipelines.corrections.delivering.delivery_policy import DeliveryLimits
from fulfillment_pipelines.ledger.target_health import Circuit, TargetHealth


def lets_go(health: TargetHealth, limits: DeliveryLimits, now: datetime) -> bool:
    """Whether a message may go now; on a circuit that is not closed it would be the probe."""
    if health.probe_at is None or health.probe_at <= now:
        return True
    # No wait is longer than the longest the policy knows: this one comes from a clock that was ahead.
    longest = max(limits.circuit.longest_open_seconds, limits.circuit.probe_seconds, limits.longest_retry_after_seconds)
    return health.probe_at > now + timedelta(seconds=longest)


def probing(health: TargetHealth, limits: DeliveryLimits, now: datetime) -> TargetHealth:
    """Return the health while one message probes; another may do so only when nobody reported on this one."""
    until = now + timedelta(seconds=limits.circuit.probe_seconds)
    return replace(health, circuit=Circuit.HALF_OPEN, probe_at=until, changed_at=now)


def answered(health: TargetHealth, now: datetime) -> TargetHealth:
    """Return the health after the system has answered, whatever it said of the message."""
    if health.circuit is Circuit.CLOSED and not health.failures:
        return health
    # A rest that the system asked for goes on, though others were answered meanwhile.
    rest = health.probe_at if health.circuit is Circuit.CLOSED else None
    return replace(health, circuit=Circuit.CLOSED, failures=0, opened_at=None, probe_at=rest, changed_at=now)


def failed(health: TargetHealth, limits: DeliveryLimits, now: datetime) -> TargetHealth:
    """Return the health after the system has failed."""
    if health.circuit is Circuit.OPEN:
        # Sent before it opened: nothing new is learnt.
        return health
    failures = health.failures + 1
    if health.circuit is Circuit.CLOSED and failures < limits.circuit.failures:
        return replace(health, failures=failures, changed_at=now)
    probes = max(failures - limits.circuit.failures, 0)
    wait = min(limits.circuit.open_seconds * 2 ** min(probes, 30), limits.circuit.longest_open_seconds)
    return replace(
        health,
        circuit=Circuit.OPEN,
        failures=failures,
        opened_at=health.opened_at or now,
        probe_at=now + timedelta(seconds=wait),
        changed_at=now,
    )


def resting(health: TargetHealth, limits: DeliveryLimits, seconds: float, now: datetime) -> TargetHealth:
    """Return the health of a system that has asked to be left alone for a while."""
    until = now + timedelta(seconds=min(seconds, limits.longest_retry_after_seconds))
    return replace(health, probe_at=max(until, health.probe_at or until), changed_at=now)
