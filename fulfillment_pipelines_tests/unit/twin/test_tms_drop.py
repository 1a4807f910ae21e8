"""The other door of transport management: message files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fulfillment_pipelines.twin.twin import Twin


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with Twin.start(tmp_path_factory.mktemp("twin"), seed=17, faults=False) as started:
        yield started


@pytest.fixture
def interface(twin: Twin) -> Iterator[httpx.Client]:
    headers = {"X-Tms-Key": twin.addresses["TMS_API_KEY"]}
    with httpx.Client(base_url=twin.addresses["TMS_URL"], headers=headers, timeout=20) as client:
        yield client


@pytest.fixture
def drop(twin: Twin) -> Path:
    return Path(twin.addresses["TMS_DROP_DIRECTORY"])


@pytest.fixture
def claim(interface: httpx.Client) -> dict[str, Any]:
    line = interface.get("/deliveries").json()["rows"][0]
    return {"shipment": line["shipment"], "order": line["order"], "line": line["line"], "qty": "1", "reason": "damaged"}


def _claims(interface: httpx.Client, reason: str) -> int:
    total: int = interface.get("/claims", params={"reason": reason}).json()["total"]
    return total


def test_a_file_is_filed_and_moved_even_while_the_interface_is_down(
    twin: Twin, interface: httpx.Client, drop: Path, claim: dict[str, Any]
) -> None:
    (drop / "inbound" / "key-1.json").write_text(json.dumps({**claim, "reason": "by file"}), encoding="utf-8")
    twin.outage("tms", on=True)
    twin.advance(60)
    twin.outage("tms", on=False)
    assert (drop / "processed" / "key-1.json").exists()
    assert _claims(interface, "by file") == 1


def test_what_comes_through_both_doors_under_one_key_is_filed_once(
    twin: Twin, interface: httpx.Client, drop: Path, claim: dict[str, Any]
) -> None:
    both = {**claim, "reason": "both"}
    interface.post("/claims", json=both, headers={"Idempotency-Key": "key-2"}).raise_for_status()
    (drop / "inbound" / "key-2.json").write_text(json.dumps(both), encoding="utf-8")
    twin.advance(60)
    assert (drop / "processed" / "key-2.json").exists()
    assert _claims(interface, "both") == 1


@pytest.mark.parametrize("change", [{"shipment": "SH-0"}, {"qty": "many"}])
def test_a_file_that_cannot_be_filed_is_put_aside_with_the_reason(
    twin: Twin, drop: Path, claim: dict[str, Any], change: dict[str, str]
) -> None:
    name = f"bad-{next(iter(change))}"
    (drop / "inbound" / f"{name}.json").write_text(json.dumps({**claim, **change}), encoding="utf-8")
    twin.advance(60)
    assert (drop / "rejected" / f"{name}.json").exists()
    assert (drop / "rejected" / f"{name}.problem.txt").read_text(encoding="utf-8")
