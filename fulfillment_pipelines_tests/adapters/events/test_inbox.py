"""Each message is in the inbox once, whatever order, repetition or crash brought it there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fulfillment_pipelines.domain.inbox import InboxMessage
from fulfillment_pipelines.ledger.inbox import LedgerInbox
from fulfillment_pipelines.ledger.unit_of_work import Ledger

_NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
_DELIVERIES = st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5)), max_size=5), max_size=6)


def message(entity: str, number: int | str) -> InboxMessage:
    return InboxMessage("carrier", entity, str(number), _NOON, f'{{"number": "{number}"}}'.encode())


def test_a_message_that_comes_again_is_kept_once(ledger: Ledger) -> None:
    inbox = LedgerInbox(ledger)
    assert inbox.keep([message("a", 1), message("a", 2)]) == 2
    assert inbox.keep([message("a", 2), message("a", 3), message("a", 3)]) == 1
    assert [kept.body for kept in inbox.read("carrier", "a", 0)] == [message("a", n).body for n in (1, 2, 3)]


def test_numbers_of_different_entities_and_systems_do_not_meet(ledger: Ledger) -> None:
    inbox = LedgerInbox(ledger)
    other = InboxMessage("portal", "a", "1", _NOON, b"{}")
    assert inbox.keep([message("a", 1), message("b", 1), other]) == 3
    assert [len(inbox.read(*feed, 0)) for feed in (("carrier", "a"), ("carrier", "b"), ("portal", "a"))] == [1, 1, 1]


def test_reading_goes_on_after_a_message(ledger: Ledger) -> None:
    inbox = LedgerInbox(ledger)
    inbox.keep([message("a", n) for n in range(3)])
    first, second, third = inbox.read("carrier", "a", 0)
    assert inbox.read("carrier", "a", first.sequence_no) == [second, third]
    assert inbox.read("carrier", "a", third.sequence_no) == []


def test_who_sent_something_since_a_message_is_told_and_nothing_where_none_came(ledger: Ledger) -> None:
    inbox = LedgerInbox(ledger)
    assert inbox.senders_after(0) == (0, frozenset())
    inbox.keep([message("a", 1), InboxMessage("portal", "a", "1", _NOON, b"{}")])
    first, senders = inbox.senders_after(0)
    assert senders == {"carrier", "portal"}
    assert inbox.senders_after(first) == (first, frozenset())
    inbox.keep([message("a", 1), message("b", 2)])
    assert inbox.senders_after(first) == (inbox.read("carrier", "b", 0)[-1].sequence_no, {"carrier"})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deliveries=_DELIVERIES)
def test_any_order_of_deliveries_gives_each_message_once(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, deliveries: list[list[tuple[str, int]]]
) -> None:
    file = tmp_path_factory.mktemp("inbox") / "ledger.sqlite"
    file.write_bytes(migrated_sqlite.read_bytes())
    ledger = Ledger(f"sqlite:///{file}")
    inbox = LedgerInbox(ledger)
    for delivery in deliveries:
        inbox.keep([message(entity, number) for entity, number in delivery])
    sent = {(entity, number) for delivery in deliveries for entity, number in delivery}
    for entity in "ab":
        kept = [one.body for one in inbox.read("carrier", entity, 0)]
        assert sorted(kept) == sorted(message(entity, number).body for name, number in sent if name == entity)
    ledger.close()
