"""One short shipment, from the moment it is found to the snapshot that closes its case, as people live it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fulfillment_pipelines.commands.served_twin import serving, twin_home
from fulfillment_pipelines.console.composition import Console, build_console
from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.ledger.readings import CorrectionFilter, list_corrections, show_case
from fulfillment_pipelines.loop.passes import run_pass
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.twin.control.control_client import TwinClient
from fulfillment_pipelines_tests.browser.conftest import Visit

_SECONDS_BETWEEN_PASSES = 31 * 60
"""Longer than the slowest system's cycle, so that each pass sees what the last one did."""
_SHORT_SHIPMENTS = 4
"""Of so many, one is billed before it is found, and what is billed only people correct."""


@dataclass
class World:
    """A distributor that lives, and the product that looks at it."""

    twin: TwinClient
    platform: Platform
    settings: Settings

    def look(self, times: int = 1) -> None:
        """Let time pass, and look at every system again."""
        for _ in range(times):
            self.twin.advance(_SECONDS_BETWEEN_PASSES)
            run_pass(self.platform, full=False)

    def case_that_waits(self, code: str) -> Case:
        """Return the case of a correction that waits for people."""
        with self.platform.ledger.reading() as work:
            wanted = CorrectionFilter(codes=frozenset({code}), states=frozenset({CorrectionState.PENDING}))
            file = show_case(work, list_corrections(work, wanted)[0].case_id)
        assert file is not None
        return file.case


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A healthy distributor that has been read once."""
    for name in [name for name in os.environ if name.startswith("FULFILLMENT_") and "EXTENSIONS" not in name]:
        monkeypatch.delenv(name)
    settings = Settings(runtime_dir=tmp_path)
    settings = settings.model_copy(update={"config": settings.project_root / settings.config})
    with serving(twin_home(settings), seed=5, faults=False) as ready:
        twin = ready()
        with build_platform(settings) as platform:
            platform.prepare()
            run_pass(platform, full=True)
            yield World(twin, platform, settings)


@pytest.fixture
def console(world: World) -> Iterator[Console]:
    """The console of that distributor."""
    with build_console(world.settings) as built:
        yield built


def test_a_short_shipment_is_found_held_approved_corrected_and_proved(world: World, visit: Visit) -> None:
    world.twin.inject("SHP-02", _SHORT_SHIPMENTS)
    world.twin.advance(4 * 3600)
    world.look(3)
    case = world.case_that_waits("SHP-02")

    operations = visit("farah").go("/queue?code=SHP-02")
    operations.get_by_role("link", name=case.business_key).first.click()
    assert case.order_id in operations.locator("h1").inner_text()
    assert "ship.amend" in operations.locator("main").inner_text()

    finance = visit("ada").go("/integrations")
    finance.get_by_label("Which").fill("finance")
    finance.get_by_label("Why", exact=True).fill(f"no invoice of {case.order_id} before its quantity is right")
    finance.get_by_role("button", name="Stop it").click()
    finance.get_by_text(f"no invoice of {case.order_id}").wait_for()

    operations.get_by_label("Your reason, for the audit log").fill("the site counted what left; the ERP booked more")
    operations.get_by_role("button", name="Approve").click()
    operations.get_by_text("approved", exact=False).first.wait_for()

    governance = visit("ines").go("/integrations")
    governance.get_by_text("Let it go on").click()
    governance.get_by_label("Why it may go on").fill("the correction is signed")
    governance.get_by_role("button", name="Release").click()
    governance.get_by_text("None is engaged.").wait_for()

    world.look(3)
    proved = visit("farah")
    page = proved.go(f"/cases/{case.case_id}")
    assert "verified" in page.locator("main").inner_text().lower()
    proved.picture("story_proved_light")
    assert case.business_key not in visit("farah").go("/queue?code=SHP-02").locator("main").inner_text()
