"""`fulfillment upkeep` tells what each part did, and only says what would go when it is asked to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

Fulfillment = Callable[..., Any]


@pytest.fixture
def half_written(runtime: Path) -> Path:
    """A directory in the landing area that a crash left, two days ago."""

    folder = runtime / "twin" / "landing" / "erp" / "orders" / "S-1.part"
    folder.mkdir(parents=True)
    (folder / "00001.json").write_text("[]", encoding="utf-8")
    then = (datetime.now(UTC) - timedelta(days=2)).timestamp()
    os.utime(folder, (then, then))
    return folder


def test_each_part_tells_its_effect_and_a_dry_run_leaves_all(half_written: Path, fulfillment: Fulfillment) -> None:
    rehearsed = fulfillment("upkeep", "--dry-run", "--json").json()
    assert [effect["part"] for effect in rehearsed] == ["landing", "operations", "ledger", "lake"]
    assert half_written.exists()

    done = fulfillment("upkeep", "--json").json()
    assert not half_written.exists()
    assert (done[0]["before"]["files"], done[0]["after"]["files"], done[0]["bytes_freed"]) == (1, 0, 2)
    assert {effect["dry_run"] for effect in done} == {False}


def test_one_part_may_be_run_alone_and_is_shown_as_a_table(runtime: Path, fulfillment: Fulfillment) -> None:
    del runtime
    said = fulfillment("upkeep", "--only", "operations")
    assert (said.exit_code, "operations" in said.stdout, "lake" in said.stdout) == (0, True, False)


def test_the_ledger_is_left_as_it_is_where_no_place_for_archives_outlasts_the_machine(
    monkeypatch: pytest.MonkeyPatch, runtime: Path, fulfillment: Fulfillment
) -> None:
    del runtime
    monkeypatch.setenv("FULFILLMENT_LANDING_URL", "s3://bucket/landing")
    parts = ("upkeep", "--only", "ledger", "--only", "lake", "--json")

    ledger, lake = fulfillment(*parts).json()
    refused = fulfillment("audit", "retain")

    assert "FULFILLMENT_AUDIT_ARCHIVE_DIR" in ledger["kept"][0]
    assert (ledger["counts"], "files_removed" in lake["counts"]) == ({}, True)
    assert (refused.exit_code, "FULFILLMENT_AUDIT_ARCHIVE_DIR" in refused.stderr) == (2, True)


def test_the_ledger_is_kept_small_where_a_folder_for_archives_is_named(
    monkeypatch: pytest.MonkeyPatch, runtime: Path, fulfillment: Fulfillment, tmp_path: Path
) -> None:
    del runtime
    monkeypatch.setenv("FULFILLMENT_LANDING_URL", "s3://bucket/landing")
    monkeypatch.setenv("FULFILLMENT_AUDIT_ARCHIVE_DIR", str(tmp_path / "archive"))

    (ledger,) = fulfillment("upkeep", "--only", "ledger", "--json").json()

    assert (ledger["counts"]["audit_rows_archived"], ledger["kept"]) == (0, [])


def test_a_part_that_does_not_exist_is_refused_with_those_that_do(fulfillment: Fulfillment) -> None:
    said = fulfillment("upkeep", "--only", "attic")
    assert said.exit_code == 2
    assert "landing, operations, ledger, lake, dagster" in said.stderr


def test_runs_of_dagster_are_pruned_where_a_deployment_has_left_some(runtime: Path, fulfillment: Fulfillment) -> None:
    home = runtime / "dagster"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")

    said = fulfillment("upkeep", "--only", "dagster", "--json")

    assert json.loads(said.stdout)[0]["counts"]["runs_removed"] == 0
