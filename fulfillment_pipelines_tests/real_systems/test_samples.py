"""The distributors of data/samples hold together: declarations, mappings, snapshot models and decision rights."""

from __future__ import annotations

from pathlib import Path

import pytest

from fulfillment_pipelines.loop.platform import build_platform
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines_tests.real_systems.rounds import SAMPLES


@pytest.mark.parametrize("sample", ["karrio", "vendure"])
def test_sample_is_a_distributor_whose_every_feed_has_a_meaning(sample: str, tmp_path: Path) -> None:
    """Nothing is connected: what a reference stands for is asked for when a system is first used."""
    with build_platform(Settings(runtime_dir=tmp_path), config=SAMPLES / sample / "distributor.yaml") as platform:
        declared = {(feed.system, feed.entity) for feed in platform.registry.entities()}
        assert {(feed.system, feed.entity) for feed in platform.feeds} == declared
        assert sample in {system for system, _ in declared}
