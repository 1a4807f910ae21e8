"""`fulfillment systems certify`, typed against a legacy warehouse that drops files."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Fulfillment = Callable[..., Any]
PROJECT = Path(__file__).parents[3]
NORTH = PROJECT / "fulfillment_pipelines" / "systems" / "declared" / "wms_north.yaml"
MOVEMENTS = """movement_no;item;unit;qty;movement_type;moved_at
M-1;BRG-1001;EA;5;RECEIPT;2026-03-02T08:00:00Z
M-2;BRG-1001;EA;-1;SHIPMENT;2026-03-02T09:00:00Z
TRL;2
"""


@pytest.fixture
def config(tmp_path: Path, runtime: Path) -> Path:
    """A distributor of one warehouse, whose certificates wait for nothing."""
    runtime.mkdir()
    (runtime / "systems.env").write_text(f"WMS_NORTH_DIRECTORY={tmp_path / 'north'}", encoding="utf-8")
    for folder in ("outbound", "inbound", "processed", "rejected"):
        (tmp_path / "north" / folder).mkdir(parents=True)
    (tmp_path / "north" / "outbound" / "MOV_20260302T120000Z.csv").write_text(MOVEMENTS, encoding="utf-8")
    shutil.copytree(PROJECT / "data" / "seeds", tmp_path / "seeds")
    policy = {"effect_within_seconds": 0, "timed_pulls": 1}
    (tmp_path / "seeds" / "certification.yaml").write_text(yaml.safe_dump(policy), encoding="utf-8")
    written = {"distributor": "north_only", "title": "North", "systems": [str(NORTH)], "seeds": "seeds"}
    path = tmp_path / "distributor.yaml"
    path.write_text(yaml.safe_dump({**written, "references": ["systems.env"]}), encoding="utf-8")
    return path


def certify(fulfillment: Fulfillment, config: Path, *options: str) -> Any:
    return fulfillment("systems", "certify", "wms_north", "--config", str(config), "--entity", "movements", *options)


def test_sound_system_is_certified_and_what_was_not_run_is_said(fulfillment: Fulfillment, config: Path) -> None:
    into = config.parent / "certificates"
    said = certify(fulfillment, config, "--into", str(into))
    assert said.exit_code == 0, said.stdout
    assert "No example correction was given (--write), so nothing was written." in said.stdout
    assert "What was not run is not known to be right." in said.stdout
    assert str(into / "wms_north.html") in said.stdout
    certificate = json.loads((into / "wms_north.json").read_text(encoding="utf-8"))
    assert certificate["declaration_sha256"] == hashlib.sha256(NORTH.read_bytes()).hexdigest()
    assert (certificate["counts"]["FAILED"], certificate["writes"]) == (0, False)
    assert list((config.parent / "north" / "inbound").iterdir()) == []


def test_certificates_are_kept_by_their_moment_unless_a_folder_is_named(
    fulfillment: Fulfillment, config: Path, runtime: Path
) -> None:
    issued_at = certify(fulfillment, config, "--json").json()["issued_at"]
    (page,) = (runtime / "north_only" / "certificates").glob("*/wms_north.html")
    assert page.parent.name == issued_at[:19].replace("-", "").replace(":", "") + "Z"


def test_system_that_fails_exits_1(fulfillment: Fulfillment, config: Path) -> None:
    (config.parent / "north" / "outbound" / "MOV_20260302T120000Z.csv").write_text(
        MOVEMENTS.replace(";5;", ";five;"), encoding="utf-8"
    )
    said = certify(fulfillment, config, "--json")
    assert said.exit_code == 1
    failed = {one["check_id"]: one["said"] for one in said.json()["results"] if one["verdict"] == "FAILED"}
    assert list(failed) == ["content.contract"]
    assert "movement_qty:type 1" in failed["content.contract"]


def test_example_is_dropped_and_the_audit_log_tells_who_wrote(fulfillment: Fulfillment, config: Path) -> None:
    example = config.parent / "example.yaml"
    message = {"message": "count.request", "payload": {"sku": "BRG-1001"}}
    example.write_text(yaml.safe_dump({"change": message}), encoding="utf-8")
    said = certify(fulfillment, config, "--write", str(example), "--by", "ines", "--json")
    assert said.exit_code == 0
    verdicts = {one["check_id"]: one["verdict"] for one in said.json()["results"]}
    assert (verdicts["write.twice"], verdicts["write.undone"]) == ("PASSED", "NOT RUN")
    assert len(list((config.parent / "north" / "inbound").iterdir())) == 1
    exported = config.parent / "audit.jsonl"
    fulfillment("audit", "export", "--action", "example.approved", "--out", str(exported), "--config", str(config))
    (entry,) = exported.read_text(encoding="utf-8").splitlines()
    assert "count.request" in entry


def test_kill_switch_stops_the_example_before_anything_is_dropped(fulfillment: Fulfillment, config: Path) -> None:
    engaged = fulfillment(
        "switches",
        "engage",
        "--scope",
        "target",
        "--name",
        "wms_north",
        "--reason",
        "a test",
        "--by",
        "ines",
        "--config",
        str(config),
    )
    assert engaged.exit_code == 0, engaged.stderr
    example = config.parent / "example.yaml"
    example.write_text("change: {message: count.request, payload: {sku: BRG-1001}}\n", encoding="utf-8")
    said = certify(fulfillment, config, "--write", str(example), "--by", "ines")
    assert (said.exit_code, "kill switch is engaged" in said.stderr) == (1, True)
    assert list((config.parent / "north" / "inbound").iterdir()) == []


def test_example_is_approved_by_somebody_of_governance(fulfillment: Fulfillment, config: Path) -> None:
    example = config.parent / "example.yaml"
    example.write_text("change: {message: count.request, payload: {sku: BRG-1001}}\n", encoding="utf-8")
    said = certify(fulfillment, config, "--write", str(example), "--by", "ada")
    assert (said.exit_code, "ines, jonas" in said.stderr) == (1, True)
    assert list((config.parent / "north" / "inbound").iterdir()) == []


def test_example_that_the_decision_rights_refuse_is_not_sent(fulfillment: Fulfillment, config: Path) -> None:
    example = config.parent / "example.yaml"
    message = {"message": "count.request", "payload": {"sku": "BRG-1001"}, "correction_class": "P"}
    example.write_text(yaml.safe_dump({"change": message}), encoding="utf-8")
    said = certify(fulfillment, config, "--write", str(example), "--by", "ines", "--json")
    assert "decision rights" in {one["check_id"]: one["said"] for one in said.json()["results"]}["write.unsent"]
    assert list((config.parent / "north" / "inbound").iterdir()) == []


def test_system_that_is_not_declared_exits_2(fulfillment: Fulfillment, config: Path) -> None:
    said = fulfillment("systems", "certify", "wms_south", "--config", str(config))
    assert (said.exit_code, "wms_south" in said.stderr) == (2, True)
