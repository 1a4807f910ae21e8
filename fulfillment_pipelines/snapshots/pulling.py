"""Ask every system what it holds and land the answers, systems side by side, one system's entities in turn.

A system that does not answer costs its own feeds and nobody else's. Every attempt is recorded, so that the
silence of a system is seen. Reading the pages belongs to `decoding`, admitting the rows to `canonical`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.snapshot import FeedState, Scope
from fulfillment_pipelines.errors import BadDataError, ConfigurationError, RejectedError, RetryableError
from fulfillment_pipelines.snapshots.landing import LandedSnapshot, LandingArea
from fulfillment_pipelines.systems.port import SnapshotSource
from fulfillment_pipelines.warehouse import Connection, Warehouse, insert_rows

_SIDE_BY_SIDE = 8


@dataclass(frozen=True, slots=True)
class PullRequest:
    """One feed to pull: where from, what, and under which contract version it lands."""

    source: SnapshotSource
    scope: Scope
    contract_version: str


@dataclass(frozen=True, slots=True)
class PullAttempt:
    """What came of one attempt.

    Attributes:
        landed: The snapshot; None when nothing came.
        state: OK, PARTIAL or FAILED.
        problem: Why it is not OK, in words for a person.
        as_of: The moment that an answer speaks of which was not landed, because it says nothing new; else None.
    """

    system: str
    entity: str
    attempted_at: datetime
    landed: LandedSnapshot | None
    state: FeedState
    problem: str
    as_of: datetime | None = None


def pull_all(
    requests: Sequence[PullRequest],
    landing: LandingArea,
    clock: Clock,
    *,
    done: Callable[[PullAttempt], None] = lambda _: None,
) -> list[PullAttempt]:
    """Pull every requested feed and land what comes, in the order of the requests.

    Args:
        requests: The feeds.
        landing: Where snapshots are kept.
        clock: The time of this machine, which stamps the attempts.
        done: Told each attempt as it ends, from the thread that made it.

    Raises:
        ConfigurationError: A declaration or a secret is wrong: nothing is hidden behind a failed feed.
    """

    def pull_system(own: list[PullRequest]) -> list[PullAttempt]:
        attempts = []
        for request in own:
            attempts.append(_pull_one(request, landing, clock))
            done(attempts[-1])
        return attempts

    systems = list(dict.fromkeys(request.source.system for request in requests))
    with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE, thread_name_prefix="pull") as pool:
        groups = pool.map(pull_system, [_of_system(requests, system) for system in systems])
        by_feed = {(attempt.system, attempt.entity): attempt for group in groups for attempt in group}
    return [by_feed[request.source.system, request.source.entity] for request in requests]


def record_attempts(warehouse: Warehouse, attempts: Iterable[PullAttempt]) -> None:
    """Write the attempts to `ops_pulls`."""
    rows = list(attempts)
    text = pa.string()
    table = pa.table(
        {
            "system": pa.array([row.system for row in rows], text),
            "entity": pa.array([row.entity for row in rows], text),
            "attempted_at": pa.array([row.attempted_at for row in rows], pa.timestamp("us", "UTC")),
            "snapshot_id": pa.array([row.landed.manifest.snapshot_id if row.landed else None for row in rows], text),
            "state": pa.array([row.state.value for row in rows], text),
            "problem": pa.array([row.problem for row in rows], text),
            "as_of": pa.array([row.as_of for row in rows], pa.timestamp("us", "UTC")),
        }
    )

    def insert(transaction: Connection) -> None:
        transaction.register("attempts", table)
        insert_rows(transaction, "ops_pulls", "from attempts")

    warehouse.write(insert)


def _of_system(requests: Sequence[PullRequest], system: str) -> list[PullRequest]:
    return [request for request in requests if request.source.system == system]


def _pull_one(request: PullRequest, landing: LandingArea, clock: Clock) -> PullAttempt:
    source = request.source
    attempted_at = clock.now()
    began = time.monotonic()
    try:
        snapshot = source.pull(request.scope)
    except ConfigurationError:
        raise
    except (RetryableError, BadDataError, RejectedError) as error:
        return PullAttempt(source.system, source.entity, attempted_at, None, FeedState.FAILED, str(error))
    landed = landing.land(
        snapshot,
        contract_version=request.contract_version,
        pulled_at=attempted_at,
        duration_seconds=time.monotonic() - began,
    )
    state = FeedState.OK if snapshot.complete else FeedState.PARTIAL
    return PullAttempt(source.system, source.entity, attempted_at, landed, state, snapshot.problem)
