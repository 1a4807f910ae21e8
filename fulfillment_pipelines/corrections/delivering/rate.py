"""How fast a target may be written to: one instant a target, in the ledger, shared by all workers.

The generic cell rate algorithm needs nothing but the moment at which the next message may go, so that it is read and
moved on in the transaction that claims the rows. The limiters on PyPI (limits, pyrate-limiter) count in a store of
their own, which a claim that is rolled back would leave counted.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from fulfillment_pipelines.corrections.delivering.delivery_policy import Rate


def allowance(next_send_at: datetime | None, rate: Rate, now: datetime) -> int:
    """Return how many messages may go now."""
    start = _start(next_send_at, rate, now)
    return 0 if start > now else (now - start) // _interval(rate) + 1


def after_sending(next_send_at: datetime | None, rate: Rate, now: datetime, messages: int) -> datetime:
    """Return when the next message may go after so many of now."""
    return _start(next_send_at, rate, now) + messages * _interval(rate)


def _start(next_send_at: datetime | None, rate: Rate, now: datetime) -> datetime:
    """Return the moment from which messages are counted: a rest gives a burst and no more."""
    rested = now - (rate.burst - 1) * _interval(rate)
    if next_send_at is None:
        return rested
    # A wait that is longer than one interval comes from a clock that was ahead.
    return max(rested, min(next_send_at, now + _interval(rate)))


def _interval(rate: Rate) -> timedelta:
    return timedelta(seconds=rate.per_seconds) / rate.messages
