"""The carriers' interface is down: an approved claim takes the other way that policy names, and is filed once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from fulfillment_pipelines import systems
from fulfillment_pipelines.corrections.approving.approval import approve
from fulfillment_pipelines.corrections.proposing.proposals import propose
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import intake
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.outbox import AttemptReceipt, DeliveryStep
from fulfillment_pipelines.ledger.readings import receipts_of, show_correction
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.twin.twin import Twin

DECLARED = Path(systems.__file__).parent / "declared"
SEEDS = Path(__file__).parents[2] / "data" / "seeds"
QUARTER = timedelta(minutes=15)


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with Twin.start(tmp_path_factory.mktemp("twin"), seed=64, faults=False) as started:
        yield started


@pytest.fixture
def clock(twin: Twin) -> FixedClock:
    return FixedClock(datetime.fromisoformat(twin.state().now))


@pytest.fixture
def platform(twin: Twin, tmp_path: Path, clock: FixedClock) -> Iterator[Platform]:
    """A distributor that has nothing but transport management, with the policies as they are shipped."""
    distributor = {
        "distributor": "carriers",
        "title": "Carriers",
        "systems": [str(DECLARED / "tms.yaml"), str(DECLARED / "tms_drop.yaml")],
        "references": ["systems.env"],
        "seeds": str(SEEDS),
    }
    config = tmp_path / "distributor.yaml"
    config.write_text(yaml.safe_dump(distributor), encoding="utf-8")
    shutil.copy(twin.home / "twin.env", tmp_path / "systems.env")
    with build_platform(Settings(runtime_dir=tmp_path, duckdb_threads=1), config=config, clock=clock) as built:
        built.prepare()
        yield built


class Carriers:
    """Transport management, seen through its own interface."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin

    def rows(self, path: str, **filters: str) -> list[dict[str, Any]]:
        headers = {"X-Tms-Key": self._twin.addresses["TMS_API_KEY"]}
        answer = httpx.get(f"{self._twin.addresses['TMS_URL']}/{path}", params=filters, headers=headers, timeout=20)
        rows: list[dict[str, Any]] = answer.raise_for_status().json()["rows"]
        return rows


@pytest.fixture
def claim(
    twin: Twin, platform: Platform, clock: FixedClock, make_finding: Callable[..., Finding]
) -> tuple[str, dict[str, Any]]:
    """A claim for a delivered line that customer service has approved: its correction and the line."""
    line = Carriers(twin).rows("deliveries")[0]
    payload = {"shipment_id": line["shipment"], "order_id": line["order"], "line_no": int(line["line"])}
    finding = make_finding(
        code="SHP-04",
        business_key=f"{line['shipment']}/{line['line']}/{clock.now().isoformat()}",
        order_id=line["order"],
        message="claim.create",
        target_role="carrier",
        correction_class="J",
        judgement_reason="a claim is money asked of somebody",
        payload=json.dumps({**payload, "claimed_qty": "1", "reason": "damaged"}),
        precondition="{}",
        watermark_at=clock.now(),
    )
    with platform.ledger.unit_of_work() as work:
        intake(work, [finding], [], policy=platform.case_policy, now=clock.now())
        waiting = propose(
            work, [finding], policies=platform.policies, target_of=platform.target_of, now=clock.now()
        ).pending
        done = approve(work, waiting[0], by="jonas", reason="seen", policies=platform.policies, now=clock.now())
        work.commit()
    assert done.target == "tms"
    return done.correction_id, line


def _pass_time(twin: Twin, clock: FixedClock, by: timedelta) -> None:
    clock.at = datetime.fromisoformat(twin.advance(int(by.total_seconds())).now)


def _state(platform: Platform, correction_id: str) -> CorrectionState:
    with platform.ledger.reading() as work:
        found = show_correction(work, correction_id)
    assert found is not None
    return found.correction.state


def _receipts(platform: Platform, correction_id: str) -> list[AttemptReceipt]:
    with platform.ledger.reading() as work:
        return receipts_of(work, correction_id)


def test_a_claim_goes_by_file_while_the_interface_is_down_and_is_filed_once(
    twin: Twin, platform: Platform, clock: FixedClock, claim: tuple[str, dict[str, Any]]
) -> None:
    correction_id, line = claim
    twin.outage("tms", on=True)
    for _ in range(8):
        stages.dispatch(platform)
        _pass_time(twin, clock, timedelta(seconds=40))
    assert {receipt.system for receipt in _receipts(platform, correction_id)} == {"tms"}
    for _ in range(3):
        _pass_time(twin, clock, QUARTER)
        stages.dispatch(platform)
    assert _state(platform, correction_id) is CorrectionState.ACKED, "it was picked up though the interface is down"
    twin.outage("tms", on=False)
    filed = Carriers(twin).rows("claims", shipment=line["shipment"], line=str(line["line"]))
    assert len(filed) == 1
    sends = [receipt.system for receipt in _receipts(platform, correction_id) if receipt.step is DeliveryStep.SEND]
    assert sends == ["tms_drop"]
    with platform.ledger.reading() as work:
        assert audit.verify(work).intact


def test_a_claim_goes_to_the_interface_when_it_answers_again_in_time(
    twin: Twin, platform: Platform, clock: FixedClock, claim: tuple[str, dict[str, Any]]
) -> None:
    correction_id, _ = claim
    twin.outage("tms", on=True)
    stages.dispatch(platform)
    _pass_time(twin, clock, timedelta(minutes=5))
    twin.outage("tms", on=False)
    for _ in range(2):
        stages.dispatch(platform)
        _pass_time(twin, clock, timedelta(minutes=5))
    assert {receipt.system for receipt in _receipts(platform, correction_id)} == {"tms"}
    assert _state(platform, correction_id) is CorrectionState.ACKED
    assert list((twin.home / "tms_drop" / "inbound").iterdir()) == []
