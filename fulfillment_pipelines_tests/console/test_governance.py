"""Governance: one person proposes, another decides, the file says it, and everything about it can be read later."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import select

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.corrections.governing import seeds_folder
from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.ledger.change_requests import ChangeState, list_changes, text_hash
from fulfillment_pipelines.ledger.tables import audit_log
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.loop.policy_mark import read_mark
from fulfillment_pipelines_tests.console.conftest import Visitor

GRACE = "fin_01_grace_business_hours"


@pytest.fixture
def seeds(console: Console, tmp_path: Path) -> Path:
    """The policy files of this console alone."""
    platform, folder = console.platform, tmp_path / "seeds"
    shutil.copytree(platform.distributor.seeds, folder)
    (tmp_path / "runtime" / "twin").mkdir(parents=True)
    settings = platform.settings.model_copy(update={"runtime_dir": tmp_path / "runtime"})
    distributor = platform.distributor.model_copy(update={"seeds": folder})
    console.platform = replace(platform, settings=settings, distributor=distributor)
    return folder


def _propose_text(browser: TestClient, seeds: Path, name: str, text: str, **more: str) -> Response:
    base = text_hash((seeds / name).read_text(encoding="utf-8"))
    form = {"base_hash": base, "content": text, "reason": "asked for by the board", **more}
    return browser.post(f"/governance/files/{name}/propose", data=form)


def _propose_grace(browser: TestClient, seeds: Path, hours: str) -> Response:
    base = text_hash((seeds / "tolerances.yaml").read_text(encoding="utf-8"))
    form = {"base_hash": base, "name": GRACE, "value": hours, "reason": "invoices are sent sooner now"}
    return browser.post("/governance/files/tolerances.yaml/value", data=form)


def _states(console: Console) -> list[ChangeState]:
    with console.reading() as work:
        return [one.state for one in list_changes(work)]


@pytest.fixture
def change(visitor: Visitor, seeds: Path) -> str:
    """The page of a change that Ines has proposed."""
    answer = _propose_grace(visitor("ines"), seeds, "12")
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def test_a_proposed_change_shows_its_difference_and_changes_nothing(
    console: Console, visitor: Visitor, seeds: Path, change: str
) -> None:
    page = visitor("jonas").get(change).text
    assert f"- &nbsp;{GRACE}" not in page
    assert f"-   {GRACE}: {{value: 24," in page
    assert f"+   {GRACE}: {{value: 12," in page
    assert "- version: 1" in page
    assert "+ version: 2" in page
    assert f"{GRACE}: {{value: 24," in (seeds / "tolerances.yaml").read_text(encoding="utf-8")
    assert _states(console) == [ChangeState.OPEN]


def test_an_approved_change_is_in_the_file_in_force_and_on_record(
    console: Console, visitor: Visitor, seeds: Path, change: str
) -> None:
    before = console.policies.version
    answer = visitor("jonas").post(f"{change}/approve", data={"reason": "agreed"})
    assert (answer.status_code, answer.headers["location"]) == (303, change)
    text = (seeds / "tolerances.yaml").read_text(encoding="utf-8")
    assert f"{GRACE}: {{value: 12," in text
    assert text.startswith("# yaml-language-server")
    assert console.policies.version != before
    assert console.policies.texts["tolerances.yaml"] == text
    assert read_mark(seeds.parent / "runtime" / "twin") == console.policies.version
    rows = select(audit_log.c.action, audit_log.c.actor, audit_log.c.detail)
    with console.reading() as work:
        said = work.rows(rows.where(audit_log.c.action.startswith("change.")).order_by(audit_log.c.sequence))
        noticed = work.rows(rows.where(audit_log.c.subject == "tolerances.yaml").order_by(audit_log.c.sequence))
    assert [(row.action, row.actor) for row in said] == [("change.proposed", "ines"), ("change.approved", "jonas")]
    assert all('"request_id":' in row.detail for row in said)
    assert (noticed[-1].action, noticed[-1].actor) == ("policy.changed", "jonas")


def test_the_versions_of_a_file_can_be_compared(visitor: Visitor, change: str) -> None:
    visitor("jonas").post(f"{change}/approve", data={"reason": "agreed"})
    page = visitor("ada").get("/governance/files/tolerances.yaml").text
    assert "Proposed by ines, approved by jonas" in page
    link = page.split('href="/governance/files/tolerances.yaml/diff?')[1].split('"')[0].replace("&amp;", "&")
    difference = visitor("ada").get(f"/governance/files/tolerances.yaml/diff?{link}").text
    assert f"+   {GRACE}: {{value: 12," in difference


def test_who_proposed_it_or_is_not_of_governance_does_not_decide(
    console: Console, visitor: Visitor, change: str
) -> None:
    for person, status in (("ines", 409), ("ada", 409), ("karl", 303)):
        for verb in ("approve", "reject"):
            answer = visitor(person).post(f"{change}/{verb}", data={"reason": "agreed"})
            assert answer.status_code == status, (person, verb)
    assert _states(console) == [ChangeState.OPEN]


def test_a_change_is_decided_once(visitor: Visitor, change: str) -> None:
    assert visitor("jonas").post(f"{change}/reject", data={"reason": "not yet"}).status_code == 303
    assert visitor("jonas").post(f"{change}/approve", data={"reason": "agreed"}).status_code == 409


def test_a_file_that_was_changed_since_is_not_overwritten(
    console: Console, visitor: Visitor, seeds: Path, change: str
) -> None:
    path = seeds / "tolerances.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "# by hand\n", encoding="utf-8")
    answer = visitor("jonas").post(f"{change}/approve", data={"reason": "agreed"})
    assert answer.status_code == 409
    assert "was changed since" in answer.text
    assert path.read_text(encoding="utf-8").endswith("# by hand\n")
    assert _states(console) == [ChangeState.OPEN]
    assert "cannot be approved any more" in visitor("jonas").get(change).text


def test_a_text_that_does_not_fit_is_shown_again_with_its_line(console: Console, visitor: Visitor, seeds: Path) -> None:
    text = (
        (seeds / "sla.yaml").read_text(encoding="utf-8").replace("amount: 15, unit: minutes", "amount: 15, unit: moons")
    )
    line = next(number for number, said in enumerate(text.splitlines(), 1) if "moons" in said)
    answer = _propose_text(visitor("ines"), seeds, "sla.yaml", text)
    assert answer.status_code == 422
    assert f"sla.yaml:{line}" in answer.text
    assert "unit: moons" in answer.text
    assert str(seeds) not in answer.text
    assert _states(console) == []


def test_looking_at_a_difference_proposes_nothing(console: Console, visitor: Visitor, seeds: Path) -> None:
    text = (seeds / "sla.yaml").read_text(encoding="utf-8").replace("amount: 15", "amount: 20")
    answer = _propose_text(visitor("ines"), seeds, "sla.yaml", text.replace("\n", "\r\n"), step="look")
    assert answer.status_code == 200
    assert "+     acknowledge: {amount: 20, unit: minutes}" in answer.text
    assert "Everything that reads policies can read this text." in answer.text
    assert _states(console) == []


def test_a_change_after_which_nobody_could_decide_is_refused(console: Console, visitor: Visitor, seeds: Path) -> None:
    text = (seeds / "access.yaml").read_text(encoding="utf-8").replace("    change.decide: all\n", "")
    answer = _propose_text(visitor("ines"), seeds, "access.yaml", text)
    assert "nobody could change a policy any more" in answer.text
    assert _states(console) == []


def test_a_value_that_is_no_value_is_refused(visitor: Visitor, seeds: Path) -> None:
    assert _propose_grace(visitor("ines"), seeds, "1, unit: x}").status_code == 422


def test_a_folder_that_cannot_be_written_says_what_to_do(
    console: Console, visitor: Visitor, seeds: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(seeds_folder.tempfile, "mkstemp", refuse)
    answer = visitor("jonas").post(f"{change}/approve", data={"reason": "agreed"})
    assert "let the user that runs the console write there" in answer.text
    assert _states(console) == [ChangeState.OPEN]
    assert f"{GRACE}: {{value: 24," in (seeds / "tolerances.yaml").read_text(encoding="utf-8")


def test_where_the_ledger_does_not_take_the_decision_the_file_says_what_it_said(
    console: Console, visitor: Visitor, seeds: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    jonas = visitor("jonas")

    def refuse(_: UnitOfWork) -> None:
        raise RetryableError("The ledger is busy.")

    with monkeypatch.context() as broken:
        broken.setattr(UnitOfWork, "commit", refuse)
        assert jonas.post(f"{change}/approve", data={"reason": "agreed"}).status_code == 503
    assert f"{GRACE}: {{value: 24," in (seeds / "tolerances.yaml").read_text(encoding="utf-8")
    assert _states(console) == [ChangeState.OPEN]


def test_another_console_takes_up_what_was_put_in_force(console: Console, visitor: Visitor, change: str) -> None:
    old = console.policies
    visitor("jonas").post(f"{change}/approve", data={"reason": "agreed"})
    new = console.policies
    console.platform = replace(console.platform, policies=old)
    console._mark_looked_at = 0.0
    visitor("ada").get("/governance")
    assert console.policies.version == new.version


def test_who_proposed_a_change_takes_it_back_and_nobody_else(console: Console, visitor: Visitor, change: str) -> None:
    assert visitor("ada").post(f"{change}/withdraw", data={"reason": "no"}).status_code == 409
    assert visitor("ines").post(f"{change}/withdraw", data={"reason": "a mistake"}).status_code == 303
    assert _states(console) == [ChangeState.WITHDRAWN]


def test_every_page_is_there_for_who_governs(visitor: Visitor) -> None:
    browser = visitor("ada")
    paths = [
        "",
        "/rules",
        "/rules/FIN-01",
        "/files/people.yaml",
        "/files/fin_01.sql",
        "/files/sla.yaml?value=S1.fix",
        "/files/approvals.yaml/edit",
        "/rights",
        "/people",
    ]
    assert {path: browser.get(f"/governance{path}").status_code for path in paths} == dict.fromkeys(paths, 200)


def test_what_is_not_there_is_not_found(visitor: Visitor) -> None:
    browser = visitor("ada")
    paths = ["files/passwd", "files/distributor.yaml", "files/sla.yaml?value=S9.fix", "rules/XXX-99", "changes/4711"]
    assert {path: browser.get(f"/governance/{path}").status_code for path in paths} == dict.fromkeys(paths, 404)


def test_a_role_is_lent_and_taken_back(console: Console, visitor: Visitor) -> None:
    now = console.now()
    form = {
        "role": "billing.lead",
        "delegator": "ada",
        "delegate": "grace",
        "valid_from": f"{now:%Y-%m-%dT%H:%M}",
        "valid_until": f"{now.replace(day=now.day + 1):%Y-%m-%dT%H:%M}",
        "reason": "a day off",
    }
    assert visitor("chiara").post("/governance/delegations", data=form).status_code == 409
    assert visitor("ada").post("/governance/delegations", data=form).status_code == 303
    page = visitor("ada").get("/governance/people").text
    assert "a day off" in page
    assert visitor("ada").post("/governance/delegations/1/revoke", data={"reason": "back early"}).status_code == 303
    assert "revoked" in visitor("ada").get("/governance/people").text
