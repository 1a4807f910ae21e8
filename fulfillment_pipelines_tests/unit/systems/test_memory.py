from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.errors import RetryableError, UnknownOutcomeError
from fulfillment_pipelines.systems.declaration import MemoryDeclaration
from fulfillment_pipelines.systems.memory import MemorySystem

STOCK = {"contract": "stock_levels", "fields": ["sku", "qty"], "key": ["sku"], "size": 2}
SET = {"entity": "stock", "where": {"sku": "sku"}, "values": {"qty": "qty"}}


DECLARATION = MemoryDeclaration.model_validate(
    {
        "system": "site",
        "title": "Site",
        "role": "wms",
        "contract_version": "1",
        "freshness_seconds": 60,
        "entities": {"stock": STOCK},
        "messages": {"qty.set": SET},
    }
)
CLOCK = FixedClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))


@pytest.fixture
def site() -> MemorySystem:
    return MemorySystem(DECLARATION, CLOCK, {"stock": [{"sku": "A", "qty": Decimal("2.500")}, {"sku": "B", "qty": 3}]})


def correction(sku: str, qty: str, key: str = "key-1") -> Correction:
    return Correction("COR-1", "site", "qty.set", {"sku": sku, "qty": qty}, {}, key)


def rows(site: MemorySystem, scope: Scope | None = None) -> list[dict[str, Any]]:
    pages = site.source("stock").pull(scope or Scope()).pages
    return [row for page in pages for row in json.loads(page.content)["rows"]]


def test_decimals_are_handed_out_as_text(site: MemorySystem) -> None:
    assert rows(site) == [{"sku": "A", "qty": "2.500"}, {"sku": "B", "qty": 3}]


def test_rows_are_read_again_by_their_keys(site: MemorySystem) -> None:
    assert rows(site, Scope(keys=("B",))) == [{"sku": "B", "qty": 3}]


def test_message_adds_a_row_where_it_finds_none(site: MemorySystem) -> None:
    site.sink().apply(correction("C", "9"))
    assert rows(site)[-1] == {"sku": "C", "qty": "9"}


def test_rows_that_were_handed_in_are_not_touched() -> None:
    given = [{"sku": "A", "qty": 1}]
    system = MemorySystem(DECLARATION, CLOCK, {"stock": given})
    system.sink().apply(correction("A", "7"))
    assert given == [{"sku": "A", "qty": 1}]


def test_busy_system_does_nothing_and_may_be_asked_again(site: MemorySystem) -> None:
    site.switches.busy = True
    with pytest.raises(RetryableError, match="too soon"):
        site.sink().apply(correction("A", "7"))
    site.switches.busy = False
    assert site.sink().apply(correction("A", "7")).observed is Observed.APPLIED
    assert site.effects == 1


def test_same_key_after_a_silent_effect_is_answered_without_a_second_effect(site: MemorySystem) -> None:
    site.switches.silent_after_effect = True
    with pytest.raises(UnknownOutcomeError):
        site.sink().apply(correction("A", "7"))
    site.switches.silent_after_effect = False
    assert site.sink().apply(correction("A", "7")).reference == "site-1"
    assert site.effects == 1
