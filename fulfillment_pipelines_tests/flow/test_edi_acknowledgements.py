"""One silent partner, whole loop: the document is sent again once, and the partner's next answer proves the cure."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.ledger.readings import list_cases, list_corrections
from fulfillment_pipelines.loop.passes import run_pass
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.twin.twin import Twin

_CONFIG = Path(__file__).parents[1] / "small_distributor" / "edi_gateway.yaml"
_RUN_SECONDS = 1_800
_LONGER_THAN_AGREED_SECONDS = 5 * 3_600


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with Twin.start(tmp_path_factory.mktemp("twin"), seed=61, faults=False) as started:
        yield started


@pytest.fixture(scope="module")
def platform(twin: Twin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    runtime = tmp_path_factory.mktemp("runtime")
    shutil.copy(twin.home / "twin.env", runtime / "systems.env")
    with build_platform(Settings(runtime_dir=runtime, duckdb_threads=1), config=_CONFIG) as built:
        built.prepare()
        yield built


def _cases(platform: Platform) -> dict[str, Case]:
    with platform.ledger.unit_of_work() as work:
        return {case.business_key: case for case in list_cases(work) if case.code == "SYS-04"}


def test_a_silent_partner_is_asked_once_and_a_refusal_waits_for_a_person(twin: Twin, platform: Platform) -> None:
    labels = {label.business_key: label for label in twin.inject("SYS-04", 4)}
    twin.advance(_LONGER_THAN_AGREED_SECONDS)
    refused = {key for key, label in labels.items() if "refuses" in label.note}
    run_pass(platform, full=True)
    opened = _cases(platform)
    assert opened.keys() == labels.keys()

    for _ in range(4):
        twin.advance(_RUN_SECONDS)
        run_pass(platform, full=True)

    assert {key for key, case in _cases(platform).items() if case.closed_at is None} == refused
    with platform.ledger.unit_of_work() as work:
        corrections = list_corrections(work)
    sent = [record for record in corrections if record.state is CorrectionState.VERIFIED]
    assert {record.case_id for record in sent} == {opened[key].case_id for key in labels.keys() - refused}
    (waiting,) = [record for record in corrections if record.state is not CorrectionState.VERIFIED]
    assert (waiting.state, waiting.judgement_reason) == (
        CorrectionState.PENDING,
        "the partner has refused the document",
    )
    again = [path for path in (twin.home / "edi" / "out").iterdir() if path.name.count("_") == 3]
    assert len(again) == len(labels) - len(refused)
