"""The twin is exactly what the shipped declarations say: every declared feed can be pulled whole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fulfillment_pipelines import systems
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.snapshot import PageFormat, Scope
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.registry import Registry
from fulfillment_pipelines.twin.twin import Twin

_DECLARED = Path(systems.__file__).parent / "declared"
_UNTIL_CUT_FEEDS_ARE_WHOLE_SECONDS = 3_600
"""The history ends while two feeds are cut short (SYS-01)."""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Twin.start(tmp_path_factory.mktemp("declared"), seed=51) as twin:
        twin.advance(_UNTIL_CUT_FEEDS_ARE_WHOLE_SECONDS)
        references = References({}, [twin.home / "twin.env"])
        clock = FixedClock(datetime(2026, 3, 9, 15, tzinfo=UTC))
        with Registry.load(sorted(_DECLARED.glob("*.yaml")), references, clock) as registry:
            yield registry


def test_every_declared_feed_of_the_twin_is_pulled_whole(registry: Registry) -> None:
    pulled, problems = {}, {}
    for feed in registry.entities():
        registry.check(feed.system)
        snapshot = registry.source(feed.system, feed.entity).pull(Scope())
        if not snapshot.complete:
            problems[feed.system, feed.entity] = snapshot.problem
        assert snapshot.as_of.date().isoformat() == "2026-03-09"
        # documents of trading partners do not count themselves: there, bytes are what came
        pulled[feed.system, feed.entity] = snapshot.declared_rows or sum(
            len(page.content) for page in snapshot.pages if page.format is PageFormat.X12
        )
    assert problems == {}
    systems = {"erp", "portal", "wms_east", "wms_west", "wms_north", "finance", "tms", "crm", "edi"}
    assert {system for system, _ in pulled} == systems
    assert min(pulled.values()) > 0
