"""That an event was taken is noted once, on both databases, and forgotten with the message itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.ledger.accepted_events import AcceptedEvent, insert_accepted, read_accepted
from fulfillment_pipelines.ledger.retention import erase_messages
from fulfillment_pipelines.ledger.unit_of_work import Ledger


def _taken(at: datetime) -> AcceptedEvent:
    return AcceptedEvent("carrier", "event-0001", "a" * 64, at, b'{"kept": true}')


def test_what_was_answered_is_answered_again(ledger: Ledger, noon: datetime) -> None:
    with ledger.unit_of_work() as work:
        insert_accepted(work, _taken(noon))
        work.commit()
    with ledger.reading() as work:
        assert read_accepted(work, "carrier", "event-0001") == _taken(noon)
        assert read_accepted(work, "another", "event-0001") is None


def test_a_key_cannot_be_noted_twice(ledger: Ledger, noon: datetime) -> None:
    with ledger.unit_of_work() as work:
        insert_accepted(work, _taken(noon))
        work.commit()
    with ledger.unit_of_work() as work, pytest.raises(RetryableError):
        insert_accepted(work, replace(_taken(noon), answer=b"another"))


def test_keys_are_forgotten_with_the_messages_of_their_time(ledger: Ledger, noon: datetime) -> None:
    with ledger.unit_of_work() as work:
        insert_accepted(work, _taken(noon))
        insert_accepted(work, replace(_taken(noon + timedelta(days=2)), idempotency_key="event-0002"))
        erase_messages(work, noon + timedelta(days=1))
        assert read_accepted(work, "carrier", "event-0001") is None
        assert read_accepted(work, "carrier", "event-0002") is not None
