"""Which outbox rows a worker may take now: the most urgent first, as far as each system's state lets them go.

Circuit, rate and cap are read and moved on in the transaction that leases the rows, so that all workers together keep
them. Which rows are due and in whose hands they are belongs in `ledger.claims`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from fulfillment_pipelines.corrections.delivering import circuit, rate
from fulfillment_pipelines.corrections.delivering.delivery_policy import DeliveryPolicy
from fulfillment_pipelines.ledger.claims import Claim, Lease, due_claims, lease
from fulfillment_pipelines.ledger.outbox import sends_since
from fulfillment_pipelines.ledger.target_health import Circuit, TargetHealth, enrol, read_health, write_health
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


def claim_due(
    work: UnitOfWork,
    asked: Lease,
    policy: DeliveryPolicy,
    *,
    wanted: int,
    now: datetime,
    leaves_out: frozenset[str] = frozenset(),
) -> list[Claim]:
    """Lease rows that are due, within the running transaction; the caller commits.

    Args:
        work: The transaction.
        asked: Who leases them, and until when.
        policy: What each system may get.
        wanted: At most so many.
        now: The moment, in the time of the deployment.
        leaves_out: Systems that others deliver to.
    """
    gates = _Gates(policy, now)
    gates.open(work)
    taken: list[Claim] = []
    while len(taken) < wanted:
        missing = wanted - len(taken)
        found = due_claims(work, asked.due_by, but_not_via=gates.closed | leaves_out, limit=missing)
        gates.enrol_missing(work, found)
        passed = [claim for claim in map(gates.let_through, found) if claim is not None]
        taken += lease(work, passed, asked)
        if len(passed) == len(found) < missing or not found:
            break
    gates.write(work)
    return taken


@dataclass
class _Gates:
    """How many messages each system may still get in this transaction."""

    policy: DeliveryPolicy
    now: datetime
    health: dict[str, TargetHealth] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)

    @property
    def closed(self) -> frozenset[str]:
        return frozenset(system for system, left in self.left.items() if left <= 0)

    def open(self, work: UnitOfWork) -> None:
        """Read what each system may get; until this transaction ends, no other gives anything away."""
        locked = read_health(work, locked=True)
        # Only now: what others claimed until they let go of the lock is counted.
        sends = sends_since(work, self.now - timedelta(hours=1))
        for system, health in locked.items():
            if system not in self.health:
                self.health[system] = health
                self.left[system] = self._allowance(health, sends.get(system, 0))

    def enrol_missing(self, work: UnitOfWork, claims: Iterable[Claim]) -> None:
        missing = {claim.delivery.via for claim in claims} - set(self.health)
        if missing:
            enrol(work, missing, self.now)
            self.open(work)

    def let_through(self, claim: Claim) -> Claim | None:
        via = claim.delivery.via
        if self.left[via] <= 0:
            return None
        self.left[via] -= 1
        self.changed.add(via)
        health, limits = self.health[via], self.policy.limits_for(via)
        next_send_at = rate.after_sending(health.next_send_at, limits.rate, self.now, 1)
        is_probe = health.circuit is not Circuit.CLOSED
        probed = circuit.probing(health, limits, self.now) if is_probe else health
        self.health[via] = replace(probed, next_send_at=next_send_at, changed_at=self.now)
        return replace(claim, is_probe=is_probe)

    def write(self, work: UnitOfWork) -> None:
        write_health(work, [self.health[system] for system in sorted(self.changed)])

    def _allowance(self, health: TargetHealth, sends: int) -> int:
        limits = self.policy.limits_for(health.target)
        if not circuit.lets_go(health, limits, self.now):
            return 0
        by_cap = limits.sends_per_hour - sends
        by_rate = rate.allowance(health.next_send_at, limits.rate, self.now)
        return min(by_cap, by_rate, 1 if health.circuit is not Circuit.CLOSED else by_rate)
