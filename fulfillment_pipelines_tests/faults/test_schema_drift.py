from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from fulfillment_pipelines.errors import BadDataError, ConfigurationError, RejectedError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.drift import accept_drift, latest_drift
from fulfillment_pipelines.loop.platform import build_platform

SMALL = Path(__file__).parents[1] / "small_distributor"
SEEDS = Path(__file__).parents[2] / "data" / "seeds"

Small: TypeAlias = Any
"""The class of that name in `conftest.py`, which pytest's import mode keeps from being imported."""


def open_drift(small: Small) -> set[tuple[str, ...]]:
    return set(small.rows("select system || '/' || entity, kind, field, agreed, found, is_read from ops_open_drift"))


def look(small: Small) -> None:
    small.pull("erp")
    small.admit()


def sys_02(small: Small) -> set[str]:
    return {key for code, key, _ in small.findings() if code == "SYS-02"}


def accept(
    small: Small, name: str = "erp/orders", *, by: str = "ines", version: str = "1", reason: str = "agreed"
) -> int:
    return len(accept_drift(small.platform, name, contract_version=version, by=by, reason=reason))


def test_first_answer_is_agreed_on_and_the_same_again_is_no_drift(small: Small) -> None:
    look(small)
    assert {one.agreed.agreed_by for one in latest_drift(small.platform) if one.agreed} == {"snapshots"}
    small.later()
    look(small)
    assert open_drift(small) == set()
    assert not any(one.differences for one in latest_drift(small.platform))


def test_new_field_is_told_and_nothing_reads_it(small: Small) -> None:
    look(small)
    small.later()
    for row in small.systems["erp"].rows["orders"]:
        row["sales_region"] = "NORTH"
    look(small)
    assert open_drift(small) == {("erp/orders", "added", "sales_region", "", "text", False)}


def test_retyped_field_is_an_exception_until_a_person_accepts_it(small: Small) -> None:
    look(small)
    small.later()
    for row in small.systems["erp"].rows["orders"]:
        row["ordered_at"] = "02.03.2026"
    look(small)
    kind, field = "retyped", "ordered_at"
    expected = ("erp/orders", kind, field, "instant 2026-12-31T23:59", "date 31.12.2026", True)
    assert open_drift(small) == {expected}
    small.reconcile(full=True)
    assert sys_02(small) == {"erp/orders"}
    assert accept(small) == 1
    assert open_drift(small) == set()
    small.later()
    look(small)
    assert open_drift(small) == set()


def test_drift_that_the_system_takes_back_is_over(small: Small) -> None:
    small.systems["erp"].rows["orders"][0]["sales_region"] = "NORTH"
    look(small)
    small.later()
    del small.systems["erp"].rows["orders"][0]["sales_region"]
    look(small)
    assert {row[1:3] for row in open_drift(small)} == {("removed", "sales_region")}
    small.later()
    small.systems["erp"].rows["orders"][0]["sales_region"] = "SOUTH"
    look(small)
    assert open_drift(small) == set()


def test_acceptance_is_audited_with_its_reason_and_the_evidence(small: Small) -> None:
    look(small)
    small.later()
    small.systems["erp"].rows["orders"][0]["sales_region"] = "NORTH"
    look(small)
    accept(small, "erp", reason="the sales team asked for it")
    with small.platform.ledger.reading() as work:
        rows = [row for row in audit.read_rows(work) if row.action == "shape.accepted"]
        assert audit.verify(work).breaks == ()
    (row,) = rows
    assert (row.actor, row.subject, row.reason) == ("ines", "erp/orders", "the sales team asked for it")
    assert json.loads(row.detail)["contract_version"] == "1"
    assert len(row.evidence_hash) == 64


def test_nothing_is_accepted_without_a_person_a_reason_the_declared_version_and_a_difference(small: Small) -> None:
    look(small)
    with pytest.raises(BadDataError, match="Nothing of 'erp/orders' has drifted"):
        accept(small)
    small.later()
    small.systems["erp"].rows["orders"][0]["sales_region"] = "NORTH"
    look(small)
    with pytest.raises(RejectedError):
        accept(small, by="nobody")
    with pytest.raises(RejectedError, match="reason"):
        accept(small, reason=" ")
    with pytest.raises(ConfigurationError, match="contract version 2 is not the one"):
        accept(small, version="2")
    with pytest.raises(ConfigurationError, match="no system named"):
        accept(small, "elsewhere")
    assert len(open_drift(small)) == 1


def test_field_that_is_gone_lets_nothing_in_and_the_likely_successor_is_named(small: Small) -> None:
    look(small)
    small.later()
    for row in small.systems["erp"].rows["orders"]:
        row["order_number"] = row.pop("order_no")
    attempt = small.pull("erp")["erp/orders"]
    assert attempt.landed is None
    assert "perhaps order_no is now order_number" in attempt.problem


@contextmanager
def raised_to_version_2(small: Small, folder: Path, **entity: Any) -> Iterator[Any]:
    """Return the platform once the ERP's YAML declares another contract version, on the same ledger."""
    shutil.copytree(SMALL, folder, dirs_exist_ok=True)
    declared = yaml.safe_load((folder / "erp.yaml").read_text(encoding="utf-8"))
    declared["contract_version"] = "2"
    declared["entities"]["orders"] |= entity
    (folder / "erp.yaml").write_text(yaml.safe_dump(declared), encoding="utf-8")
    config = folder / "distributor.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("../../data/seeds", str(SEEDS)), encoding="utf-8")
    systems = list(small.systems.values())
    with build_platform(small.platform.settings, config=config, clock=small.clock, ready_made=systems) as platform:
        platform.prepare()
        yield platform


def test_new_contract_version_is_held_against_the_one_before_until_a_person_accepts_it(
    small: Small, tmp_path: Path
) -> None:
    look(small)
    small.later()
    for row in small.systems["erp"].rows["orders"]:
        row["ordered_at"] = "02.03.2026"
    with raised_to_version_2(small, tmp_path / "config") as platform:
        stages.pull(platform, ("erp",))
        stages.admit(platform)
        (drifted,) = latest_drift(platform, "erp/orders")
        assert [(one.kind, one.field) for one in drifted.differences] == [("retyped", "ordered_at")]
        assert (drifted.contract_version, drifted.agreed and drifted.agreed.contract_version) == ("2", "1")
        accepted = accept_drift(platform, "erp", contract_version="2", by="ines", reason="the new release")
        assert {one.entity for one in accepted} > {"orders"}
        (settled,) = latest_drift(platform, "erp/orders")
        assert (settled.differences, settled.agreed and settled.agreed.agreed_by) == ((), "ines")
    # The old version is still agreed on as it was: both live side by side.
    (old,) = latest_drift(small.platform, "erp/orders")
    assert [one.kind for one in old.differences] == ["retyped"]


def test_code_that_nobody_agreed_on_is_drift_and_its_rows_are_in_quarantine(small: Small, tmp_path: Path) -> None:
    with raised_to_version_2(small, tmp_path / "config", codes={"status": ["OPEN", "CLOSED"]}) as platform:
        # Also where it is there from the first snapshot on: which codes there are is declared, and not learned.
        small.systems["erp"].rows["orders"][0]["status"] = "PARKED"
        small.systems["erp"].rows["orders"][1]["status"] = "CLOSED"
        stages.pull(platform, ("erp",))
        stages.admit(platform)
        query = "select kind, field, found from ops_open_drift"
        assert platform.warehouse.query(query).to_pylist() == [
            {"kind": "new code", "field": "status", "found": "PARKED"}
        ]
        quarantined = platform.warehouse.query("select failed_checks from ops_open_quarantine").to_pylist()
        assert quarantined == [{"failed_checks": "status:codes"}]
