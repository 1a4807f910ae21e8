"""The audit log in the console: found, verified, and taken along so that another tool can verify it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import text

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading import audit_page
from fulfillment_pipelines.ledger.audit_export import verify_file
from fulfillment_pipelines_tests.console.conftest import Visitor

ROW = re.compile(r'<td class="number">(\d+)</td>')


def _rows(page: str) -> list[int]:
    return [int(number) for number in ROW.findall(page)]


def test_rows_are_found_by_what_was_done_and_by_whom(visitor: Visitor) -> None:
    page = visitor("ada").get("/governance/audit?action=exceptions.").text
    assert len(_rows(page)) == 3
    assert _rows(visitor("ada").get("/governance/audit?action=exceptions.&actor=nobody").text) == []


def test_rows_are_found_by_the_request_in_which_they_were_recorded(visitor: Visitor) -> None:
    form = {"scope": "target", "name": "erp", "reason": "it books twice"}
    request_id = visitor("ada").post("/integrations/switches", data=form).headers["X-Request-Id"]
    page = visitor("ada").get(f"/governance/audit?request={request_id}").text
    assert len(_rows(page)) == 1
    assert "it books twice" in page


def test_pages_follow_each_other_without_a_gap(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_page, "PAGE_ROWS", 5)
    browser = visitor("ada")
    first = browser.get("/governance/audit").text
    link = re.search(r'href="(/governance/audit\?before=\d+)"', first)
    assert link is not None
    second = browser.get(link[1]).text
    assert _rows(first) + _rows(second) == list(range(_rows(first)[0], _rows(first)[0] - 10, -1))


def test_the_chain_is_verified_beside_everything_else(console: Console, visitor: Visitor) -> None:
    browser = visitor("ada")
    assert "was not verified" in browser.get("/governance/audit").text
    assert browser.post("/governance/audit/verify").status_code == 303
    console.verifier.join()
    assert "The chain is intact" in browser.get("/governance/audit/verification").text


def test_a_row_that_was_edited_is_told(console: Console, visitor: Visitor) -> None:
    with console.deciding("test") as work:
        triggers = work.rows(text("select name from sqlite_master where type = 'trigger' and tbl_name = 'audit_log'"))
        for (name,) in triggers:
            work.change(text(f'drop trigger "{name}"'))
        work.change(text("update audit_log set actor = 'somebody else' where sequence = 7"))
        work.commit()
    console.verifier.begin("ada")
    console.verifier.join()
    page = visitor("ada").get("/governance/audit").text
    assert "The chain is broken" in page
    assert "somebody else" in page


def test_what_is_exported_can_be_verified_elsewhere(visitor: Visitor, tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    answer = visitor("ada").get("/governance/audit/export")
    path.write_bytes(answer.content)
    assert "attachment" in answer.headers["content-disposition"]
    report = verify_file(path)
    assert report.intact
    assert report.rows > 300


def test_an_export_holds_what_was_found(visitor: Visitor) -> None:
    lines = visitor("ada").get("/governance/audit/export?action=exceptions.").text.splitlines()
    assert len(lines) == 3


def test_a_search_that_cannot_be_read_is_refused(visitor: Visitor) -> None:
    browser = visitor("ada")
    for query in ("since=yesterday", "before=-1", "before=99999999999999999999"):
        assert browser.get(f"/governance/audit?{query}").status_code == 422
