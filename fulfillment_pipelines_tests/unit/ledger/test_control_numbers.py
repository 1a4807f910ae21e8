"""Every interchange has a number of its own, and the same message the same one, whoever asks and how often."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.ledger.control_numbers import LedgerControlNumbers
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines.systems.transports.edi.x12.control_numbers import ControlNumbers, MemoryControlNumbers

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

_COUNTING = """
import sys
from datetime import UTC, datetime
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.ledger.control_numbers import LedgerControlNumbers
from fulfillment_pipelines.ledger.unit_of_work import Ledger
url, process = sys.argv[1:]
numbers = LedgerControlNumbers(Ledger(url), FixedClock(datetime(2026, 3, 2, tzinfo=UTC)))
for position in range(20):
    shared, own = f"shared-{position}", f"{process}-{position}"
    print(shared, numbers.number_for("DISTRIB", "ACME", shared).number)
    print(own, numbers.number_for("DISTRIB", "ACME", own).number)
"""


@pytest.fixture
def numbers(ledger: Ledger) -> LedgerControlNumbers:
    return LedgerControlNumbers(ledger, FixedClock(NOON))


@pytest.fixture(params=["durable", "in memory"])
def any_numbers(request: pytest.FixtureRequest, numbers: LedgerControlNumbers) -> ControlNumbers:
    return numbers if request.param == "durable" else MemoryControlNumbers(FixedClock(NOON))


def test_numbers_of_a_pair_rise_by_one(any_numbers: ControlNumbers) -> None:
    given = [any_numbers.number_for("DISTRIB", "ACME", f"key-{position}").number for position in range(5)]
    assert given == [1, 2, 3, 4, 5]


def test_each_pair_has_a_count_of_its_own(any_numbers: ControlNumbers) -> None:
    pairs = [("DISTRIB", "ACME"), ("DISTRIB", "BOLTON"), ("OTHER", "ACME")]
    assert [any_numbers.number_for(*pair, "key").number for pair in pairs] == [1, 1, 1]


def test_the_same_key_has_the_same_number_and_date(ledger: Ledger, numbers: LedgerControlNumbers) -> None:
    first = numbers.number_for("DISTRIB", "ACME", "key")
    numbers.number_for("DISTRIB", "ACME", "other")
    later = LedgerControlNumbers(ledger, FixedClock(NOON + timedelta(days=1)))

    assert later.number_for("DISTRIB", "ACME", "key") == first
    assert first.allocated_at == NOON


def test_looking_for_a_number_gives_none_away(any_numbers: ControlNumbers) -> None:
    assert any_numbers.number_of("DISTRIB", "ACME", "key") is None
    given = any_numbers.number_for("DISTRIB", "ACME", "other")
    assert given.number == 1
    assert any_numbers.number_of("DISTRIB", "ACME", "other") == given


def test_threads_share_one_count_without_holes(any_numbers: ControlNumbers) -> None:
    def ask(position: int) -> int:
        return any_numbers.number_for("DISTRIB", "ACME", f"key-{position % 40}").number

    with ThreadPoolExecutor(4) as threads:
        given = list(threads.map(ask, range(80)))
    assert sorted(set(given)) == list(range(1, 41))
    assert given[:40] == given[40:]


def test_processes_share_one_count_without_holes(ledger: Ledger, ledger_url: str) -> None:
    assert ledger is not None  # it has brought the database to its shape
    counting = [
        subprocess.Popen([sys.executable, "-c", _COUNTING, ledger_url, name], stdout=subprocess.PIPE, text=True)
        for name in ("a", "b", "c")
    ]
    said = [process.communicate(timeout=120)[0].split() for process in counting]
    assert [process.returncode for process in counting] == [0, 0, 0]

    by_process = [dict(zip(words[::2], map(int, words[1::2]), strict=True)) for words in said]
    for position in range(20):
        assert len({given[f"shared-{position}"] for given in by_process}) == 1
    numbers = {number for given in by_process for number in given.values()}
    assert numbers == set(range(1, 81))


def test_a_number_once_given_uses_no_other_up(any_numbers: ControlNumbers) -> None:
    assert [any_numbers.number_for("DISTRIB", "ACME", "key").number for _ in range(3)] == [1, 1, 1]
    assert any_numbers.number_for("DISTRIB", "ACME", "next").number == 2
