"""The real webserver and daemon over the twin: a change in a system becomes a case, seen through GraphQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from fulfillment_pipelines.ledger.readings import CaseFilter, list_cases
from fulfillment_pipelines.loop.platform import open_ledger
from fulfillment_pipelines.orchestration.live import ask, serve
from fulfillment_pipelines.settings import Settings, read_settings
from fulfillment_pipelines.systems.distributor import load_distributor
from fulfillment_pipelines.twin.twin import Twin

Found = TypeVar("Found")

_START_SECONDS = 240
_RUN_SECONDS = 240
_SERVE = """
import sys
from fulfillment_pipelines.orchestration.live import serve
from fulfillment_pipelines.settings import read_settings
sys.exit(serve(read_settings(), None, 0, lambda address: print(address, flush=True)))
"""
_RUNS = "{ runsOrError(limit: 50) { ... on Runs { results { runId jobName status } } } }"
_MATERIALIZATION = """
    query Latest($asset: String!) {
      assetOrError(assetKey: {path: [$asset]}) {
        ... on Asset { assetMaterializations(limit: 1) {
          metadataEntries { label ... on IntMetadataEntry { intValue } }
        } }
      }
    }
"""
_CHECKS = """
    query Checks($asset: String!) {
      assetNodeOrError(assetKey: {path: [$asset]}) {
        ... on AssetNode { assetChecksOrError { ... on AssetChecks {
          checks { name blocking executionForLatestMaterialization { status evaluation { success severity } } }
        } } }
      }
    }
"""


@dataclass
class Deployment:
    """A running deployment: its process, where it answers, and the twin it looks at."""

    process: subprocess.Popen[str]
    port: int
    twin: Twin
    settings: Settings
    logs: Path

    def run_states(self) -> Mapping[str, str]:
        """Return every run by its identity."""
        return {run["runId"]: run["status"] for run in ask(self.port, _RUNS)["runsOrError"]["results"]}

    def open_cases(self, code: str) -> int | None:
        """Return how many cases of a code the latest materialization shows; None before the first."""
        found = ask(self.port, _MATERIALIZATION, {"asset": "exception_cases"})["assetOrError"]
        for materialization in found.get("assetMaterializations", ()):
            numbers = {entry["label"]: entry.get("intValue") for entry in materialization["metadataEntries"]}
            return numbers.get(f"open_cases_{code}", 0) or 0
        return None

    def checks(self, asset: str) -> Mapping[str, tuple[str, bool]]:
        """Return status and blocking of an asset's checks that were made, by name."""
        node = ask(self.port, _CHECKS, {"asset": asset})["assetNodeOrError"]
        return {
            check["name"]: (check["executionForLatestMaterialization"]["status"], check["blocking"])
            for check in node["assetChecksOrError"]["checks"]
            if check["executionForLatestMaterialization"]
        }

    def until(self, look: Callable[[], Found], what: str) -> Found:
        """Look again until something is found; on the way nothing may have failed."""
        deadline = time.monotonic() + _RUN_SECONDS
        while not (found := look()):
            failed = [run for run, state in self.run_states().items() if state == "FAILURE"]
            assert not failed, f"runs failed: {failed}; logs in {self.logs}"
            assert time.monotonic() < deadline, f"{what} did not happen within {_RUN_SECONDS} s; logs in {self.logs}"
            time.sleep(0.5)
        return found


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    tmp_path = tmp_path_factory.mktemp("deployment")
    with Twin.start(tmp_path / "twin", seed=61, faults=False) as twin:
        own = {
            "FULFILLMENT_RUNTIME_DIR": str(tmp_path / "runtime"),
            "FULFILLMENT_REFERENCES_FILES": str(twin.home / "twin.env"),
            "FULFILLMENT_DUCKDB_THREADS": "1",
        }
        with pytest.MonkeyPatch.context() as patched:
            for name, value in own.items():
                patched.setenv(name, value)
            settings = read_settings()
        with subprocess.Popen(
            [sys.executable, "-c", _SERVE], env={**os.environ, **own}, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            try:
                address = process.stdout.readline().strip()
                assert address.startswith("http://127.0.0.1:"), address
                port = int(address.rpartition(":")[2])
                yield Deployment(process, port, twin, settings, tmp_path / "runtime" / "dagster" / "logs")
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(timeout=_START_SECONDS)


def _after_the_first_round(deployment: Deployment) -> None:
    deployment.until(lambda: deployment.open_cases("INT-03") is not None, "the first round")


def test_the_first_round_comes_by_itself_and_keeps_every_promise(deployment: Deployment) -> None:
    _after_the_first_round(deployment)
    assert deployment.open_cases("INT-03") == 0
    for feed in ("snap_portal__orders", "snap_tms__milestones", "snap_crm__order_statuses", "snap_edi__documents"):
        # A system that answers late is told of with a later round.
        deployment.until(lambda one=feed: len(deployment.checks(one)) == 2, f"the checks of {feed}")  # type: ignore[misc]
        assert deployment.checks(feed) == {"contract": ("SUCCEEDED", False), "received": ("SUCCEEDED", False)}
    assert deployment.checks("rec_unexplained") == {"residuals_explained": ("SUCCEEDED", True)}


def test_a_change_in_a_system_becomes_a_case_without_anybody_clicking(deployment: Deployment) -> None:
    _after_the_first_round(deployment)
    deployment.twin.inject("INT-03", 1)
    deployment.twin.advance(3600)
    deployment.until(lambda: deployment.open_cases("INT-03") == 1, "the case")
    _ledger_agrees(deployment, "INT-03")
    assert deployment.checks("rec_unexplained") == {"residuals_explained": ("SUCCEEDED", True)}
    _stops_cleanly(deployment)


def _ledger_agrees(deployment: Deployment, code: str) -> None:
    settings = deployment.settings
    ledger = open_ledger(settings, load_distributor(settings.config, settings.project_root))
    with ledger.reading() as work:
        cases = list_cases(work, CaseFilter(codes=frozenset({code})))
    ledger.close()
    labels = [label.business_key for label in deployment.twin.labels() if label.code == code]
    assert [case.business_key for case in cases] == labels


def _stops_cleanly(deployment: Deployment) -> None:
    family = psutil.Process(deployment.process.pid).children(recursive=True)
    assert len(family) >= 4  # the guardian, the live loop, the webserver and the daemon
    deployment.process.send_signal(signal.SIGINT)
    assert deployment.process.wait(timeout=120) == 0
    assert [child for child in family if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []


def test_when_one_process_ends_all_end_and_the_reason_is_told(tmp_path: Path) -> None:
    settings = read_settings().model_copy(update={"runtime_dir": tmp_path})
    told: list[str] = []
    code = serve(
        settings,
        [sys.executable, "-c", "print('the port is taken'); raise SystemExit(7)"],
        0,
        lambda _: pytest.fail("it was never ready"),
        twin_ready_file=tmp_path / "never",
        say=told.append,
    )
    assert code == 1
    assert "The twin ended" in told[0]
    assert "exit code 7" in told[0]
    assert "the port is taken" in told[0]
