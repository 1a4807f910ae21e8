"""Look at every feed without landing anything, and tell which systems have something new to say.

Used between runs, often, and so without the lake: what was seen last is kept by the caller. Landing and judging
what a system says belongs to `snapshots`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from fulfillment_pipelines.canonical.admission import CanonicalFeed
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.errors import BadDataError, RejectedError, RetryableError
from fulfillment_pipelines.snapshots.fingerprint import fingerprint
from fulfillment_pipelines.systems.port import SnapshotSource
from fulfillment_pipelines.systems.registry import Registry

_SIDE_BY_SIDE: Final = 8
_UNANSWERED: Final = "unanswered"


class Sight(BaseModel):
    """What a feed showed at one moment.

    Attributes:
        fingerprint: Hash of its records; the same while they are.
        as_of: The moment it spoke of; None when it did not answer.
    """

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    as_of: AwareDatetime | None = None


class Seen(BaseModel):
    """What was seen of all feeds when a run was last requested.

    Attributes:
        requested_at: When that was; None before the first time.
        sights: By feed, `system/entity`.
    """

    model_config = ConfigDict(frozen=True)

    requested_at: AwareDatetime | None = None
    sights: Mapping[str, Sight] = {}

    def is_quiet_since(self, now: datetime, patience: timedelta) -> bool:
        """Return whether nothing was requested for so long that time alone may have changed a verdict."""
        return self.requested_at is None or now - self.requested_at >= patience

    def systems_with_news(self, sights: Mapping[str, Sight], registry: Registry) -> tuple[str, ...]:
        """Return the systems that changed, answer again or no longer, or whose last pull is about to go stale."""
        return tuple(
            dict.fromkeys(
                feed.system
                for feed in registry.entities()
                if _is_news(
                    self.sights.get(feed.name),
                    sights[feed.name],
                    timedelta(seconds=registry.declaration(feed.system).freshness_seconds),
                )
            )
        )


def probe(registry: Registry, feeds: Sequence[CanonicalFeed]) -> Mapping[str, Sight]:
    """Ask every feed and return what it shows, by name; systems side by side, each one's entities in turn.

    Raises:
        ConfigurationError: A declaration or a secret is wrong.
    """

    def probe_system(system: str) -> list[tuple[str, Sight]]:
        own = (feed for feed in feeds if feed.system == system)
        return [
            (f"{feed.system}/{feed.entity}", _sight(registry.source(feed.system, feed.entity), feed)) for feed in own
        ]

    with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE, thread_name_prefix="probe") as pool:
        return dict(pair for pairs in pool.map(probe_system, registry.systems) for pair in pairs)


def _sight(source: SnapshotSource, feed: CanonicalFeed) -> Sight:
    try:
        snapshot = source.pull(Scope())
    except (RetryableError, BadDataError, RejectedError):
        return Sight(fingerprint=_UNANSWERED)
    return Sight(fingerprint=fingerprint(snapshot, feed.layout.records_path), as_of=snapshot.as_of)


def _is_news(before: Sight | None, now: Sight, freshness: timedelta) -> bool:
    if before is None or before.fingerprint != now.fingerprint:
        return True
    if before.as_of is None or now.as_of is None:
        return False
    return now.as_of - before.as_of >= freshness / 3
