"""What is old enough goes, unless a legal hold keeps it; the audit log says so and stays whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fulfillment_pipelines.corrections.retaining.retention import Retention, RetentionResult, retain
from fulfillment_pipelines.corrections.retaining.retention_policy import (
    Covers,
    KeptCase,
    LegalHold,
    PlatformPeriods,
    RetentionPolicy,
)
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.audit_archive import verify_with_archives
from fulfillment_pipelines.ledger.readings import CaseFilter, list_cases, show_case
from fulfillment_pipelines.ledger.retention import Erased

FindingMaker = Callable[..., Finding]
NOTHING = Erased(0, 0, 0, 0, 0, 0)
PLATFORM = PlatformPeriods(landed_days=30, lake_history_days=7, operations_days=90, inbox_days=400, dagster_days=14)


def _policy(**changes: Any) -> RetentionPolicy:
    days = {"audit_log_days": 400, "receipt_days": 200, "ended_case_days": 300}
    return RetentionPolicy(**{"version": 1, **days, "platform": PLATFORM, "legal_holds": [], **changes})


def _hold(**covers: Any) -> LegalHold:
    return LegalHold(hold_id="LH-1", reason="a claim", by="counsel", since=date(2026, 3, 1), covers=Covers(**covers))


def _retain(desk: Any, folder: Path, policy: RetentionPolicy, *, dry_run: bool = False) -> RetentionResult:
    with desk.ledger.unit_of_work() as work:
        retention = Retention(policy, "policy-1", folder)
        result = retain(work, retention, actor="ada", now=desk.clock.now(), dry_run=dry_run)
        if not dry_run:
            work.commit()
    return result


def _rows(desk: Any) -> list[tuple[str, str]]:
    with desk.ledger.reading() as work:
        return [(row.action, row.subject) for row in audit.read_rows(work)]


def _cases(desk: Any) -> list[str]:
    with desk.ledger.reading() as work:
        return sorted(case.business_key for case in list_cases(work, CaseFilter(only_open=False)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of archives, empty."""
    path = tmp_path / "archive"
    path.mkdir()
    return path


@pytest.fixture
def ended(both_desk: Any, make_direct: FindingMaker) -> Any:
    """A desk with one case that was corrected and proved cured, and one that is open."""
    both_desk.take_in(make_direct(), make_direct(business_key="SO-9/1/SH-9", order_id="SO-9"))
    both_desk.dispatcher().run()
    both_desk.wait(600)
    both_desk.take_in(make_direct(business_key="SO-9/1/SH-9", order_id="SO-9", watermark_at=both_desk.clock.now()))
    return both_desk


def _pass(desk: Any, days: int) -> None:
    desk.wait(timedelta(days=days).total_seconds())


def test_nothing_goes_before_its_time(ended: Any, folder: Path) -> None:
    _pass(ended, 199)
    before = _rows(ended)
    result = _retain(ended, folder, _policy())
    assert (result.archived_rows, result.erased) == (0, NOTHING)
    assert _rows(ended) == before


def test_receipts_go_first_then_the_case_then_the_rows_of_the_audit_log(ended: Any, folder: Path) -> None:
    _pass(ended, 201)
    assert _retain(ended, folder, _policy()).erased == replace(NOTHING, receipts=1)
    assert len(_cases(ended)) == 2
    _pass(ended, 100)
    erased = _retain(ended, folder, _policy()).erased
    assert (erased.cases, erased.corrections, erased.deliveries, erased.receipts) == (1, 1, 1, 0)
    assert erased.events > 0
    assert _cases(ended) == ["SO-9/1/SH-9"]
    _pass(ended, 100)
    result = _retain(ended, folder, _policy())
    assert result.archive is not None
    assert result.archive.row_count == result.archived_rows > 0
    with ended.ledger.reading() as work:
        assert verify_with_archives(work, folder).intact


def test_what_went_is_in_the_audit_log_by_case(ended: Any, folder: Path) -> None:
    (case_id,) = {record.case_id for record in ended.corrections() if record.verified_at is not None}
    _pass(ended, 301)
    _retain(ended, folder, _policy())
    assert _rows(ended)[-2:] == [("exception.erased", case_id), ("retention.applied", "ledger")]
    assert _retain(ended, folder, _policy()).erased == NOTHING


def test_open_cases_stay_however_old(ended: Any, folder: Path) -> None:
    _pass(ended, 9_999)
    _retain(ended, folder, _policy())
    assert _cases(ended) == ["SO-9/1/SH-9"]


@pytest.mark.parametrize("covers", [{"order_ids": ["SO-1001"]}, {"codes": ["FIN-01"]}, {"detected_from": "2026-03-02"}])
def test_a_legal_hold_keeps_the_case_with_all_that_belongs_to_it_and_says_so(
    ended: Any, folder: Path, covers: dict[str, Any]
) -> None:
    (case_id,) = {record.case_id for record in ended.corrections() if record.verified_at is not None}
    _pass(ended, 301)
    result = _retain(ended, folder, _policy(legal_holds=[_hold(**covers)]))
    assert result.erased == NOTHING
    assert [(hold.hold_id, hold.case_ids) for hold in result.held] == [("LH-1", (case_id,))]
    assert _rows(ended)[-2:] == [("legal_hold.kept", "LH-1"), ("retention.applied", "ledger")]
    with ended.ledger.reading() as work:
        kept = show_case(work, case_id)
    assert kept is not None
    assert (len(kept.corrections), len(kept.history) > 0) == (1, True)


def test_a_hold_on_something_else_keeps_nothing(ended: Any, folder: Path) -> None:
    _pass(ended, 301)
    result = _retain(ended, folder, _policy(legal_holds=[_hold(order_ids=["SO-77"])]))
    assert (result.erased.cases, result.held[0].case_ids) == (1, ())


def test_a_dry_run_says_the_same_and_does_nothing(ended: Any, folder: Path) -> None:
    _pass(ended, 999)
    before = _rows(ended)
    tried = _retain(ended, folder, _policy(), dry_run=True)
    assert (_rows(ended), list(folder.iterdir())) == (before, [])
    done = _retain(ended, folder, _policy())
    assert (tried.erased, tried.archived_rows) == (done.erased, done.archived_rows)
    assert tried.erased.cases == 1


def test_the_cause_of_a_case_that_stays_stays(both_desk: Any, make_direct: FindingMaker, folder: Path) -> None:
    cause = make_direct(business_key="SO-1/1/SH-1")
    effect = make_direct(
        business_key="SO-2/1/SH-2",
        parent_code="FIN-01",
        parent_business_key="SO-1/1/SH-1",
        parent_node="east",
    )
    both_desk.take_in(cause, effect)
    both_desk.wait(600)
    both_desk.take_in(replace(effect, watermark_at=both_desk.clock.now(), parent_code=""))
    _pass(both_desk, 301)
    result = _retain(both_desk, folder, _policy())
    assert (len(result.causes), result.erased.cases) == (1, 0)
    assert _cases(both_desk) == ["SO-1/1/SH-1", "SO-2/1/SH-2"]


def test_a_hold_covers_what_fulfils_all_its_conditions() -> None:
    case = KeptCase("EXC-1", "FIN-01", "SO-1", frozenset({"C-1", "C-2"}), date(2026, 3, 2))
    assert Covers(customers=frozenset({"C-2"}), codes=frozenset({"FIN-01"})).includes(case)
    assert Covers(detected_from=date(2026, 3, 2), detected_before=date(2026, 3, 3)).includes(case)
    for covers in (
        Covers(customers=frozenset({"C-2"}), codes=frozenset({"FIN-02"})),
        Covers(customers=frozenset({"C-3"})),
        Covers(detected_before=date(2026, 3, 2)),
        Covers(case_ids=frozenset({"EXC-2"})),
    ):
        assert not covers.includes(case)


@pytest.mark.parametrize(
    "changes",
    [
        {"receipt_days": 301},
        {"audit_log_days": 89},
        {"legal_holds": [_hold(codes=["A"]), _hold(codes=["B"])]},
        {"legal_holds": [{"hold_id": "LH", "reason": "r", "by": "b", "since": "2026-03-01", "covers": {}}]},
        {
            "legal_holds": [
                {"hold_id": "LH", "reason": " ", "by": "b", "since": "2026-03-01", "covers": {"codes": ["A"]}}
            ]
        },
    ],
)
def test_a_policy_that_does_not_fit_together_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _policy(**changes)
