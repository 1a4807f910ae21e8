"""What is asked of the lake by who cannot go on without the answer, and how far its feeds can be trusted now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.domain.finding import Verdict
from fulfillment_pipelines.errors import BadDataError, ConfigurationError, RetryableError
from fulfillment_pipelines.explanation.questions import Questions, Row

_LIFE: Final = frozenset(
    {
        "orders",
        "order_lines",
        "holds",
        "releases",
        "packs",
        "shipment_lines",
        "delivery_lines",
        "returns",
        "invoice_lines",
        "charges",
        "milestones",
    }
)
"""The contracts from which the verdict of an order line follows, as `rec_line_verdicts` has them."""


@dataclass(frozen=True, slots=True)
class FeedStanding:
    """One declared feed, as it can be trusted at the moment it was asked.

    Attributes:
        node: The site it speaks of; empty for all.
        state: OK, STALE, PARTIAL, FAILED or QUARANTINED.
        as_of: The moment it speaks of; None where it never came.
        problem: Why it is not OK.
    """

    system: str
    entity: str
    role: str
    contract: str
    node: str
    state: str
    as_of: datetime | None
    problem: str

    def speaks_of(self, node: str) -> bool:
        """Return whether it says anything of a site."""
        return self.node in {"", node}


def ask_lake(questions: Questions, name: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
    """Return the rows of a question.

    Raises:
        RetryableError: There is no lake yet, or it does not answer.
    """
    try:
        return questions.ask(name, parameters)
    except (BadDataError, ConfigurationError) as error:
        raise RetryableError(
            "The lake cannot answer now.",
            expected="the tables that a run of this version makes",
            found="a lake without them, or none",
            remedy="`fulfillment run` makes them; ask again afterwards",
        ) from error


def read_feed_standings(console: Console) -> tuple[FeedStanding, ...]:
    """Return how far every feed can be trusted now.

    Raises:
        RetryableError: There is no lake yet, or it does not answer.
    """
    rows = ask_lake(console.questions, "feed_standings", {"now_at": console.now()})
    return tuple(FeedStanding(**row) for row in rows)


def life_feeds(feeds: Iterable[FeedStanding]) -> tuple[FeedStanding, ...]:
    """Return the feeds from which the verdict of an order line follows."""
    return tuple(feed for feed in feeds if feed.contract in _LIFE)


def trusted(verdict: Verdict, feeds: Iterable[FeedStanding]) -> Verdict:
    """Return a verdict of the last run as it holds now: what agreed is not known once an input has grown stale."""
    if verdict is Verdict.DIFFER or all(feed.state == "OK" for feed in feeds):
        return verdict
    return Verdict.UNKNOWN


def oldest(feeds: Iterable[FeedStanding]) -> datetime | None:
    """Return the moment that all feeds speak of at least; None where one has never come, or there are none."""
    moments = [feed.as_of for feed in feeds]
    return min((moment for moment in moments if moment), default=None) if all(moments) else None
