from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulfillment_pipelines.corrections.delivering.delivery_policy import Rate
from fulfillment_pipelines.corrections.delivering.rate import after_sending, allowance

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RATE = Rate(messages=2, per_seconds=1, burst=5)


def test_after_a_rest_a_burst_may_go_and_no_more() -> None:
    assert allowance(None, RATE, NOON) == 5
    assert allowance(after_sending(None, RATE, NOON, 5), RATE, NOON) == 0


def test_what_was_sent_comes_back_at_the_rate() -> None:
    spent = after_sending(None, RATE, NOON, 5)
    assert [allowance(spent, RATE, NOON + seconds * SECOND) for seconds in (0.4, 0.5, 1, 2, 60)] == [0, 1, 2, 4, 5]


def test_a_clock_that_is_set_back_does_not_stop_a_target_for_long() -> None:
    spent = after_sending(None, RATE, NOON + timedelta(days=1), 5)
    assert allowance(spent, RATE, NOON) == 0
    assert allowance(after_sending(spent, RATE, NOON, 0), RATE, NOON + SECOND) >= 1


@given(
    messages=st.integers(1, 50),
    per_seconds=st.integers(1, 60),
    burst=st.integers(1, 50),
    waits=st.lists(st.integers(0, 5_000), min_size=1, max_size=40),
)
def test_no_stretch_of_time_gets_more_than_the_burst_and_the_rate(
    messages: int, per_seconds: int, burst: int, waits: list[int]
) -> None:
    rate = Rate(messages=messages, per_seconds=per_seconds, burst=burst)
    now, next_send_at, sent = NOON, None, []
    for wait in waits:
        now += timedelta(milliseconds=wait)
        count = allowance(next_send_at, rate, now)
        next_send_at = after_sending(next_send_at, rate, now, count)
        sent.append((now, count))
    for start, (first, _) in enumerate(sent):
        for last, _ in sent[start:]:
            within = sum(count for at, count in sent if first <= at <= last)
            assert within <= burst + (last - first).total_seconds() * messages / per_seconds + 0.001


@pytest.mark.parametrize("burst", [1, 3])
def test_a_message_at_a_time_and_all_at_once_cost_the_same(burst: int) -> None:
    rate = Rate(messages=1, per_seconds=1, burst=burst)
    singly = None
    for _ in range(burst):
        singly = after_sending(singly, rate, NOON, 1)
    assert singly == after_sending(None, rate, NOON, burst)
