"""People decide at the command line: list, approve, reject, edit, delegate, stop and let go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from fulfillment_pipelines.commands.opening import opened_for_decisions, reading_ledger
from fulfillment_pipelines.corrections.proposing.proposals import propose
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.exceptions.intake import intake
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.corrections import update_corrections
from fulfillment_pipelines.ledger.readings import list_corrections

Fulfillment = Callable[..., Any]
GROUNDS = ("--by", "ada", "--reason", "agreed")
PAYLOAD = {"invoice_id": "INV-1", "invoice_line_no": 1, "line_no": 1, "invoiced_qty": "3"}


def _findings(make_finding: Callable[..., Any], amounts: tuple[int, ...], now: datetime) -> list[Any]:
    return [
        make_finding(
            business_key=f"SO-{number}/1/SH-1",
            message="invoice.amend",
            judgement_reason="the document is posted",
            payload=json.dumps(PAYLOAD | {"order_id": f"SO-{number}"}),
            precondition='{"invoiced_qty": "10", "status": "DRAFT"}',
            value_at_risk_amount=Decimal(amount),
            watermark_at=now,
        )
        for number, amount in enumerate(amounts)
    ]


@pytest.fixture
def waiting(lake: object, make_finding: Callable[..., Any]) -> Callable[..., list[str]]:
    """Let corrections of these amounts wait in the ledger that commands open; return their identities."""
    del lake

    def wait(*amounts: int) -> list[str]:
        with opened_for_decisions(None) as (platform, now), platform.ledger.unit_of_work() as work:
            findings = _findings(make_finding, amounts, now)
            intake(work, findings, (), policy=platform.case_policy, now=now)
            proposed = propose(work, findings, policies=platform.policies, target_of=lambda role, *_: role, now=now)
            work.commit()
            records = {record.correction_id: record for record in list_corrections(work)}
        return sorted(proposed.pending, key=lambda identity: records[identity].value_amount)

    return wait


def _states() -> dict[str, CorrectionState]:
    with reading_ledger(None) as work:
        return {record.correction_id: record.state for record in list_corrections(work)}


def test_the_list_says_what_waits_for_whom_and_how_long(fulfillment: Fulfillment, waiting: Any) -> None:
    small, great = waiting(100, 60_000)
    rows = {row["correction_id"]: row for row in fulfillment("approvals", "list", "--json").json()}
    assert (
        rows[small]
        | {
            "clause_id": "APR-BILLING",
            "approver_role": "billing.lead",
            "approvals_needed": 1,
            "may_approve": ["ada", "ben"],
            "proposed_by": "policy",
        }
        == rows[small]
    )
    assert (rows[great]["approvals_needed"], rows[great]["may_approve"]) == (2, ["ada", "ben", "grace"])
    assert 0 < rows[small]["seconds_left"] < timedelta(days=7).total_seconds()
    shown = fulfillment("approvals", "list").stdout
    assert "2 x finance.manager" in shown
    assert "In all: 2, 60,100.00 USD" in shown


def test_the_list_of_one_person_holds_what_that_person_may_approve(fulfillment: Fulfillment, waiting: Any) -> None:
    small, great = waiting(100, 60_000)
    mine = {name: fulfillment("approvals", "list", "--mine", name, "--json").json() for name in ("ada", "grace", "dev")}
    found = {name: {row["correction_id"] for row in rows} for name, rows in mine.items()}
    assert found == {"ada": {small, great}, "grace": {great}, "dev": set()}
    fulfillment("approvals", "approve", great, *GROUNDS)
    left = fulfillment("approvals", "list", "--mine", "ada", "--json").json()
    assert [row["correction_id"] for row in left] == [small]
    (row,) = fulfillment("approvals", "list", "--role", "finance.manager", "--json").json()
    assert (row["approved_by"], row["may_approve"]) == (["ada"], ["ben", "grace"])


def test_one_correction_is_approved(fulfillment: Fulfillment, waiting: Any) -> None:
    (identity,) = waiting(100)
    said = fulfillment("approvals", "approve", identity, *GROUNDS, "--json").json()
    assert (said["count"], said["decided"][0]["decided_by"], said["amounts"]) == (1, "ada", {"USD": "100.00"})
    assert _states() == {identity: CorrectionState.APPROVED}


def test_who_may_not_approve_is_told_who_may(fulfillment: Fulfillment, waiting: Any) -> None:
    (identity,) = waiting(100)
    said = fulfillment("approvals", "approve", identity, "--by", "chiara", "--reason", "x")
    assert said.exit_code == 1
    assert "chiara has not the role billing.lead" in said.stderr
    assert "ada, ben may" in said.stderr
    assert _states() == {identity: CorrectionState.PENDING}


def test_a_dry_run_says_how_many_and_how_much_and_decides_nothing(fulfillment: Fulfillment, waiting: Any) -> None:
    identities = waiting(100, 200)
    said = fulfillment("approvals", "approve", "--code", "fin-01", *GROUNDS, "--dry-run")
    assert "Corrections that would be approved by ada: 2, 300.00 USD" in said.stdout
    assert set(_states().values()) == {CorrectionState.PENDING}
    refused = fulfillment("approvals", "approve", "--code", "FIN-01", *GROUNDS, "--expect", "3")
    assert (refused.exit_code, set(_states().values())) == (1, {CorrectionState.PENDING})
    said = fulfillment("approvals", "approve", "--code", "FIN-01", *GROUNDS, "--expect", "2", "--json").json()
    assert {row["correction_id"] for row in said["decided"]} == set(identities)
    assert set(_states().values()) == {CorrectionState.APPROVED}


def test_what_is_refused_stops_all_unless_it_is_skipped(fulfillment: Fulfillment, waiting: Any) -> None:
    first, second = waiting(100, 200)

    with opened_for_decisions(None) as (platform, _), platform.ledger.unit_of_work() as work:
        record = next(one for one in list_corrections(work) if one.correction_id == first)
        update_corrections(work, [replace(record, proposed_by="ada")])
        work.commit()
    said = fulfillment("approvals", "reject", "--message", "invoice.amend", "--by", "chiara", "--reason", "x")
    assert "2 of 2 corrections are not for chiara" in said.stderr
    said = fulfillment("approvals", "approve", "--target", "finance", *GROUNDS)
    assert f"{first}: ada proposed it" in said.stderr
    said = fulfillment("approvals", "approve", "--target", "finance", *GROUNDS, "--skip-refused", "--json").json()
    assert [row["correction_id"] for row in said["refused"]] == [first]
    assert _states() == {first: CorrectionState.PENDING, second: CorrectionState.APPROVED}


def test_one_and_many_are_not_named_at_once(fulfillment: Fulfillment, waiting: Any) -> None:
    (identity,) = waiting(100)
    said = fulfillment("approvals", "reject", identity, "--code", "FIN-01", *GROUNDS)
    assert (said.exit_code, "named at once" in said.stderr) == (1, True)


def test_an_edit_waits_for_somebody_else(fulfillment: Fulfillment, waiting: Any) -> None:
    (before,) = waiting(100)
    (after,) = fulfillment("approvals", "edit", before, "--set", "invoiced_qty=2", *GROUNDS, "--json").json()
    assert (after["replaces"], after["state"], after["approver_role"]) == (before, "PENDING", "billing.lead")
    (listed,) = fulfillment("approvals", "list", "--json").json()
    assert (listed["proposed_by"], listed["may_approve"], listed["version"]) == ("ada", ["ben"], 2)
    said = fulfillment("approvals", "approve", after["correction_id"], *GROUNDS)
    assert "ada proposed it" in said.stderr
    assert fulfillment("approvals", "approve", after["correction_id"], "--by", "ben", "--reason", "x").exit_code == 0
    assert _states() == {before: CorrectionState.SUPERSEDED, after["correction_id"]: CorrectionState.APPROVED}


@pytest.mark.parametrize("change", ["invoiced_qty", "=5", ""])
def test_a_change_that_cannot_be_read_is_told(fulfillment: Fulfillment, waiting: Any, change: str) -> None:
    (identity,) = waiting(100)
    said = fulfillment("approvals", "edit", identity, "--set", change, *GROUNDS)
    assert (said.exit_code, "--set <field>=<value>" in said.stderr) == (1, True)


def test_only_a_dead_letter_is_replayed(fulfillment: Fulfillment, waiting: Any) -> None:
    (identity,) = waiting(100)
    said = fulfillment("approvals", "replay", identity, *GROUNDS)
    assert (said.exit_code, "was never sent" in said.stderr) == (1, True)


def test_a_role_is_lent_used_and_taken_back(fulfillment: Fulfillment, waiting: Any) -> None:
    first, second = waiting(100, 200)
    until = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    lent = ("--from", "ada", "--to", "chiara", "--role", "billing.lead", "--until", until, "--reason", "leave")
    (granted,) = fulfillment("approvals", "delegate", *lent, "--json").json()
    assert (granted["delegation_id"], granted["status"]) == (1, "stands")
    by_chiara = ("--by", "chiara", "--reason", "for ada")
    assert fulfillment("approvals", "approve", first, *by_chiara).exit_code == 0
    fulfillment("approvals", "revoke", "1", "--by", "ada", "--reason", "back")
    assert fulfillment("approvals", "approve", second, *by_chiara).exit_code == 1
    assert fulfillment("approvals", "delegations", "--json").json() == []
    (over,) = fulfillment("approvals", "delegations", "--all", "--json").json()
    assert over["status"] == "over"


@pytest.mark.usefixtures("lake")
def test_the_people_are_listed_with_their_roles(fulfillment: Fulfillment) -> None:
    people = {row["person_id"]: row for row in fulfillment("approvals", "people", "--json").json()}
    assert people["ada"]["roles"] == ["billing.lead", "finance.manager"]
    assert people["karl"]["active"] is False


def test_a_system_is_stopped_by_anybody_and_let_go_on_by_governance(fulfillment: Fulfillment, waiting: Any) -> None:
    (identity,) = waiting(100)
    finance = ("--scope", "target", "--name", "finance", "--reason", "it books twice")
    assert fulfillment("switches", "engage", *finance, "--by", "dev").exit_code == 0
    (row,) = fulfillment("switches", "list", "--json").json()
    assert (row["scope"], row["name"], row["by"]) == ("target", "finance", "dev")
    said = fulfillment("approvals", "approve", identity, *GROUNDS)
    assert "a kill switch is engaged for target finance" in said.stderr
    said = fulfillment("switches", "release", *finance, "--by", "ada")
    assert (said.exit_code, "ines, jonas" in said.stderr) == (1, True)
    assert fulfillment("switches", "release", *finance, "--by", "ines").exit_code == 0
    assert fulfillment("switches", "list", "--json").json() == []
    said = fulfillment("switches", "release", *finance, "--by", "ines")
    assert (said.exit_code, "is not engaged" in said.stderr) == (1, True)
    with reading_ledger(None) as work:
        assert audit.verify(work).intact


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize(
    ("scope", "name"),
    [("target", "nowhere"), ("rule", "FIN-99"), ("case", "SO-1"), ("everything", "erp"), ("target", "")],
)
def test_a_switch_that_would_stop_nothing_is_refused(fulfillment: Fulfillment, scope: str, name: str) -> None:
    said = fulfillment("switches", "engage", "--scope", scope, "--name", name, "--by", "dev", "--reason", "x")
    assert (said.exit_code, "correct --name" in said.stderr) == (1, True)
