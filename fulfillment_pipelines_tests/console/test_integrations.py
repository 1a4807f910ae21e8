"""Integrations: what an outage costs, what was given up, what is switched off, and who may do something about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.integrations import read_integrations
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.ledger.outbox import AttemptReceipt, DeliveryStep, Outcome, append_receipts
from fulfillment_pipelines.ledger.readings import CorrectionFilter, list_corrections, show_correction
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope, engaged_switches
from fulfillment_pipelines.ledger.tables import audit_log, correction, exception_case, outbox
from fulfillment_pipelines_tests.console.conftest import Visitor

ERP = KillSwitch(SwitchScope.TARGET, "erp")


@pytest.fixture
def dead_letter(console: Console) -> str:
    """A shipment confirmation that the ERP has refused and that was given up; its case is open."""
    now = console.now()
    with console.deciding("test") as work:
        acked = CorrectionFilter(states=frozenset({CorrectionState.ACKED}), target="erp")
        found = next(one for one in list_corrections(work, acked) if one.message == "ship.confirm")
        gone = {"state": CorrectionState.DEAD_LETTER, "decision_reason": "refused", "approver_role": "integration.lead"}
        work.change(update(correction).where(correction.c.correction_id == found.correction_id).values(**gone))
        work.change(update(outbox).where(outbox.c.correction_id == found.correction_id).values(status="DEAD"))
        refused = AttemptReceipt(
            found.correction_id, 2, DeliveryStep.SEND, Outcome.REJECTED, "", "the period is closed", "test", now, "erp"
        )
        append_receipts(work, [refused])
        case = exception_case.c.case_id == found.case_id
        work.change(update(exception_case).where(case).values(closed_at=None, state="OPEN"))
        work.commit()
    return found.correction_id


def _state_of(console: Console, correction_id: str) -> CorrectionState:
    with console.reading() as work:
        file = show_correction(work, correction_id)
    assert file is not None
    return file.correction.state


def test_rows_in_quarantine_put_orders_in_doubt(console: Console) -> None:
    systems = {row.name: row for row in read_integrations(console).outages}
    assert systems["wms_north"].state == "OK"
    (effect,) = systems["wms_north"].effects
    assert (effect.order_count, effect.currency) == (2, "USD")


def test_an_outage_costs_every_open_order_it_speaks_of_and_the_dearest_comes_first(console: Console) -> None:
    later = FixedClock(console.now() + timedelta(minutes=75))
    console.platform = replace(console.platform, clock=later)
    view = read_integrations(console)
    amounts = [row.at_risk_amount for row in view.systems]
    assert amounts == sorted(amounts, reverse=True)
    by_name = {row.name: row for row in view.systems}
    assert by_name["erp"].state == "STALE"
    assert by_name["wms_north"].state == "OK"
    assert by_name["erp"].at_risk_amount > by_name["wms_west"].at_risk_amount > by_name["wms_north"].at_risk_amount
    assert by_name["erp"].effects[0].overdue_case_count > 0


def test_where_the_lake_does_not_answer_the_page_says_so_and_shows_what_the_ledger_knows(
    console: Console, visitor: Visitor, dead_letter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise BadDataError("there is no such table")

    monkeypatch.setattr(console.questions, "ask", refuse)
    for path in ("/integrations", "/integrations/erp"):
        answer = visitor("ines").get(path)
        assert answer.status_code == 200
        assert "Nothing is known of" in answer.text
    assert dead_letter in visitor("ines").get("/integrations").text


def test_a_system_shows_its_control_totals_and_the_rights_that_let_it_be_written(visitor: Visitor) -> None:
    page = visitor("ines").get("/integrations/erp").text
    assert "2,400 of 2,400" in page
    assert "AUTH-ORDER-CREATE" in page
    assert "declares 2400 rows and sent 2395" in page


def test_a_system_that_is_not_declared_is_not_found(visitor: Visitor) -> None:
    assert visitor("ines").get("/integrations/unheard_of").status_code == 404


def test_a_dead_letter_is_replayed_by_who_has_its_role(console: Console, visitor: Visitor, dead_letter: str) -> None:
    path = f"/integrations/dead-letters/{dead_letter}"
    assert "the period is closed" in visitor("hugo").get(path).text
    assert visitor("chiara").post(f"{path}/replay", data={"reason": "mended"}).status_code == 409
    assert _state_of(console, dead_letter) is CorrectionState.DEAD_LETTER
    answer = visitor("ines").post(f"{path}/replay", data={"reason": "mended"})
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert _state_of(console, dead_letter) is CorrectionState.APPROVED


def test_an_edited_dead_letter_becomes_a_new_version_that_waits_for_somebody_else(
    console: Console, visitor: Visitor, dead_letter: str
) -> None:
    path = f"/integrations/dead-letters/{dead_letter}/edit"
    same = visitor("farah").post(path, data={"reason": "try", "field.order_id": "SO-1"})
    assert same.status_code == 409
    assert "changes nothing" in same.text
    answer = visitor("farah").post(path, data={"reason": "counted again", "field.shipped_qty": "12"})
    assert answer.status_code == 303, answer.text
    after = answer.headers["location"].rpartition("/")[2]
    assert _state_of(console, dead_letter) is CorrectionState.SUPERSEDED
    assert _state_of(console, after) is CorrectionState.PENDING
    assert "waits for somebody else" in visitor("farah").get(answer.headers["location"]).text


def test_who_is_of_another_team_does_not_edit_its_dead_letters(visitor: Visitor, dead_letter: str) -> None:
    path = f"/integrations/dead-letters/{dead_letter}"
    assert "Make a new version" not in visitor("chiara").get(path).text
    form = {"reason": "counted again", "field.shipped_qty": "12"}
    assert visitor("chiara").post(f"{path}/edit", data=form).status_code == 403


def test_anybody_may_stop_a_system_and_only_governance_lets_it_go_on(console: Console, visitor: Visitor) -> None:
    form = {"scope": "target", "name": "erp", "reason": "it books twice", "back": "erp"}
    assert visitor("ada").post("/integrations/switches", data=form).headers["location"] == "/integrations/erp"
    assert "it books twice" in visitor("ada").get("/integrations").text
    assert visitor("ada").post("/integrations/switches/release", data=form).status_code == 403
    with console.reading() as work:
        assert ERP in engaged_switches(work)
    assert visitor("ines").post("/integrations/switches/release", data=form).status_code == 303
    with console.reading() as work:
        assert ERP not in engaged_switches(work)
        actors = work.rows(select(audit_log.c.actor).where(audit_log.c.subject == "target:erp"))
    assert [row.actor for row in actors] == ["ada", "ines"]


def test_a_switch_that_would_stop_nothing_is_refused(visitor: Visitor) -> None:
    browser = visitor("ada")
    nothing = [("target", ""), ("target", "unheard_of"), ("rule", "XXX-99"), ("case", "EXC-0000000000000000")]
    for scope, name in nothing:
        form = {"scope": scope, "name": name, "reason": "it books twice"}
        answer = browser.post("/integrations/switches", data=form)
        assert answer.status_code == 422
        assert "cannot be named" in answer.text


def test_a_switch_needs_a_reason(visitor: Visitor) -> None:
    form = {"scope": "everything", "name": "", "reason": "  "}
    assert visitor("ada").post("/integrations/switches", data=form).status_code == 409
