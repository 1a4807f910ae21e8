"""One correction as a person sees it who is to sign it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from fulfillment_pipelines.commands.opening import opened_platform
from fulfillment_pipelines.corrections.proposing.proposals import propose
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import intake
from fulfillment_pipelines.ledger.readings import list_corrections

Fulfillment = Callable[..., Any]
MakeFinding = Callable[..., Finding]
AMENDMENT = {
    "code": "SHP-02",
    "message": "ship.amend",
    "target_role": "erp",
    "payload": '{"shipment_id": "SH-7", "order_id": "SO-1001", "line_no": 2, "shipped_qty": "8.0000"}',
    "precondition": '{"shipped_qty": "10.0000"}',
    "judgement_reason": "the leg is billed",
    "evidence": '{"departed": "wms_east/shipments/41", "confirmed": "erp/shipments/12"}',
}


@pytest.fixture
def propose_one(lake: object, noon: datetime) -> Callable[[Finding], str]:
    """Return a function that takes a finding in and returns the identity of its correction."""
    del lake

    def proposed(finding: Finding) -> str:
        with opened_platform(None) as platform, platform.ledger.unit_of_work() as work:
            intake(work, [finding], [], policy=platform.case_policy, now=noon)
            propose(work, [finding], policies=platform.policies, target_of=lambda role, *_: role, now=noon)
            work.commit()
            (record,) = list_corrections(work)
        return record.correction_id

    return proposed


def test_a_person_sees_what_changes_and_how_it_is_undone(
    fulfillment: Fulfillment, propose_one: Callable[[Finding], str], make_finding: MakeFinding
) -> None:
    said = fulfillment("corrections", "show", propose_one(make_finding(**AMENDMENT))).stdout
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in said.splitlines() if "│" in line]
    assert ["shipped_qty", "10.0000", "8.0000"] in cells
    assert ["message", "ship.amend"] in cells
    assert ["if still shipped_qty", "8.0000"] in cells
    assert ["base units", "2.0000"] in cells
    assert ["value", "120.50 USD"] in cells
    assert ["departed", "wms_east/shipments/41"] in cells
    assert ["finance", "bills another quantity"] in cells
    assert ["judgement", "the leg is billed"] in cells
    assert "Attempts: none yet" in said


def test_the_json_has_all_that_the_ledger_keeps(
    fulfillment: Fulfillment, propose_one: Callable[[Finding], str], make_finding: MakeFinding
) -> None:
    finding = make_finding(**AMENDMENT)
    shown = fulfillment("corrections", "show", propose_one(finding), "--json").json()
    assert shown["diff"] == [{"attribute": "shipped_qty", "before": "10.0000", "after": "8.0000"}]
    assert shown["inverse"]["message"] == "ship.amend"
    assert shown["impact"]["order_lines"] == ["SO-1001/2"]
    assert shown["evidence"] == json.loads(finding.evidence)
    assert len(shown["evidence_hash"]) == 64
    assert shown["receipts"] == []


def test_a_content_that_does_not_fit_waits_for_a_person_with_the_reason(
    fulfillment: Fulfillment, propose_one: Callable[[Finding], str], make_finding: MakeFinding
) -> None:
    unfit = AMENDMENT | {"payload": '{"shipment_id": "SH-7", "shipped_qty": "-8"}', "judgement_reason": ""}
    shown = fulfillment("corrections", "show", propose_one(make_finding(**unfit)), "--json").json()
    assert shown["state"] == "PENDING"
    assert shown["decision_reason"].startswith("GATE-CONTENT: payload does not fit ship.amend v1: ")
    assert shown["inverse"]["because"] == "what is asked for cannot be read"


def test_a_correction_that_does_not_exist_is_told_with_a_remedy(fulfillment: Fulfillment, lake: object) -> None:
    del lake
    said = fulfillment("corrections", "show", "COR-0000000000000000")
    assert said.exit_code == 1
    assert "fulfillment corrections list" in said.stderr
