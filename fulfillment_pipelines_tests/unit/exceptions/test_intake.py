from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fulfillment_pipelines.domain.case import Case, CaseEventKind, CaseState, RuleRun, case_id_of
from fulfillment_pipelines.domain.finding import Finding, Severity, Verdict
from fulfillment_pipelines.exceptions.intake import CasePolicy, IntakeResult, intake
from fulfillment_pipelines.exceptions.lifecycle import move
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.cases import cases_by_id, update_cases
from fulfillment_pipelines.ledger.readings import CaseFile, list_cases, show_case
from fulfillment_pipelines.ledger.unit_of_work import Ledger

HOUR = timedelta(hours=1)
FindingMaker = Callable[..., Finding]
Intake = Callable[..., IntakeResult]


@pytest.fixture
def take_in(ledger: Ledger, case_policy: CasePolicy, noon: datetime) -> Intake:
    """Take findings in and commit; by default FIN-01 was evaluated everywhere, on trustworthy inputs."""

    def take(
        *findings: Finding,
        at: datetime = noon,
        runs: Iterable[RuleRun] | None = None,
        revisited: frozenset[str] | None = None,
    ) -> IntakeResult:
        evaluated = [RuleRun("FIN-01", None, at, trustworthy=True)] if runs is None else runs
        with ledger.unit_of_work() as work:
            result = intake(work, findings, evaluated, policy=case_policy, now=at, revisited=revisited)
            work.commit()
        return result

    return take


def _file(ledger: Ledger, finding: Finding) -> CaseFile:
    with ledger.reading() as work:
        found = show_case(work, case_id_of(finding.code, finding.business_key, finding.node))
    assert found is not None
    return found


def _rows(ledger: Ledger) -> tuple[list[Case], int]:
    with ledger.reading() as work:
        return list_cases(work), audit.verify(work).rows


def test_a_difference_opens_a_case_with_everything_that_is_known_of_it(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker, noon: datetime
) -> None:
    finding = make_finding(value_at_risk_amount=Decimal("99999999.99"), delta_qty=Decimal("-0.0001"))
    result = take_in(finding)
    found = _file(ledger, finding)
    assert result.opened == (found.case.case_id,)
    assert (found.case.state, found.case.owner, found.case.times_opened) == (CaseState.OPEN, "billing", 1)
    assert (found.case.value_at_risk_amount, found.case.delta_qty) == (Decimal("99999999.99"), Decimal("-0.0001"))
    assert (found.case.detected_at, found.case.first_breaks_at) == (noon, finding.breaks_at)
    assert [event.event for event in found.history] == [CaseEventKind.OPENED]


def test_deadlines_count_from_when_the_condition_became_true(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker, noon: datetime
) -> None:
    finding = make_finding(severity=Severity.S1, condition_since=noon - 5 * HOUR)
    take_in(finding)
    assert _file(ledger, finding).case.fix_due_at == noon - 3 * HOUR


def test_the_same_findings_twice_change_nothing(ledger: Ledger, take_in: Intake, make_finding: FindingMaker) -> None:
    findings = [make_finding(business_key=f"SO-{number}") for number in range(5)]
    take_in(*findings)
    before = _rows(ledger)
    result = take_in(*reversed(findings))
    assert len(result.unchanged) == 5
    assert _rows(ledger) == before


def test_a_crash_before_the_commit_is_followed_by_a_rerun_with_the_same_end(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker, case_policy: CasePolicy, noon: datetime
) -> None:
    finding = make_finding()
    with ledger.unit_of_work() as work:
        intake(work, [finding], [], policy=case_policy, now=noon)
    assert _rows(ledger) == ([], 0)
    assert len(take_in(finding).opened) == 1


def test_a_changed_difference_is_the_same_case_with_a_new_entry_in_its_history(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker, noon: datetime
) -> None:
    take_in(make_finding())
    changed = make_finding(actual_value="4", watermark_at=noon + HOUR)
    assert len(take_in(changed, at=noon + HOUR).updated) == 1
    found = _file(ledger, changed)
    assert (found.case.actual_value, found.case.detected_at) == ("4", noon)
    assert [event.event for event in found.history] == [CaseEventKind.OPENED, CaseEventKind.REFRESHED]


def test_a_difference_that_stands_leaves_no_entry_but_is_known_to_stand(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker, noon: datetime
) -> None:
    take_in(make_finding())
    later = make_finding(watermark_at=noon + HOUR, evidence='{"wms": ["later"]}')
    assert len(take_in(later, at=noon + HOUR).unchanged) == 1
    found = _file(ledger, later)
    assert (found.case.last_seen_watermark_at, found.case.evidence) == (noon + HOUR, '{"wms": ["later"]}')
    assert len(found.history) == 1


def test_a_graver_severity_moves_the_deadlines(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker, noon: datetime
) -> None:
    take_in(make_finding(severity=Severity.S3))
    graver = make_finding(severity=Severity.S1, watermark_at=noon + HOUR)
    take_in(graver, at=noon + HOUR)
    assert _file(ledger, graver).case.fix_due_at == graver.condition_since + 2 * HOUR


@pytest.mark.parametrize("verdict", [Verdict.TIMING, Verdict.UNKNOWN])
def test_what_is_not_yet_a_difference_opens_nothing(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker, verdict: Verdict
) -> None:
    result = take_in(make_finding(verdict=verdict))
    assert result.timing + result.unknown == 1
    assert _rows(ledger) == ([], 0)


@pytest.mark.parametrize("verdict", [Verdict.TIMING, Verdict.UNKNOWN])
def test_an_open_case_stays_as_it_is_while_nothing_certain_is_said_of_it(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker, noon: datetime, verdict: Verdict
) -> None:
    take_in(make_finding())
    before = _rows(ledger)
    take_in(make_finding(verdict=verdict, actual_value="7", watermark_at=noon + HOUR), at=noon + HOUR)
    assert _rows(ledger) == before


def test_a_difference_that_went_by_itself_is_cleared_with_the_proving_watermark(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker, noon: datetime
) -> None:
    finding = make_finding()
    take_in(finding)
    result = take_in(at=noon + HOUR)
    case = _file(ledger, finding).case
    assert result.cleared == result.cured == (case.case_id,)
    assert (case.state, case.proving_watermark_at, case.closed_at) == (
        CaseState.AUTO_CLEARED,
        noon + HOUR,
        noon + HOUR,
    )


def test_a_difference_that_somebody_acted_on_is_verified(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker, noon: datetime
) -> None:
    finding = make_finding()
    take_in(finding)
    with ledger.unit_of_work() as work:
        (case,) = cases_by_id(work, [_file(ledger, finding).case.case_id]).values()
        update_cases(work, [move(case, CaseState.CORRECTION_SENT)])
        work.commit()
    assert take_in(at=noon + HOUR).verified == (case.case_id,)
    assert _file(ledger, finding).case.state is CaseState.VERIFIED


def test_the_snapshot_that_showed_a_difference_cannot_prove_its_cure(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker, noon: datetime
) -> None:
    finding = make_finding()
    take_in(finding)
    result = take_in(at=noon)
    assert (len(result.unproved), result.cured) == (1, ())
    assert _file(ledger, finding).case.closed_at is None


@pytest.mark.parametrize(
    "run",
    [
        RuleRun("FIN-01", None, datetime.fromisoformat("2026-03-02T13:00Z"), trustworthy=False),
        RuleRun("FIN-01", "east", datetime.fromisoformat("2026-03-02T13:00Z"), trustworthy=False),
        RuleRun("FIN-01", "west", datetime.fromisoformat("2026-03-02T13:00Z"), trustworthy=True),
        RuleRun("FIN-02", None, datetime.fromisoformat("2026-03-02T13:00Z"), trustworthy=True),
    ],
)
def test_absence_is_no_cure_where_the_rule_did_not_run_on_fresh_inputs(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker, noon: datetime, run: RuleRun
) -> None:
    finding = make_finding()
    take_in(finding)
    assert take_in(at=noon + HOUR, runs=[run]).cured == ()
    assert _file(ledger, finding).case.closed_at is None


def test_a_stale_site_is_not_excused_by_the_freshness_of_the_others(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker, noon: datetime
) -> None:
    east, west = make_finding(node="east"), make_finding(node="west")
    take_in(east, west)
    fresh = RuleRun("FIN-01", None, noon + HOUR, trustworthy=True)
    stale = RuleRun("FIN-01", "west", noon + HOUR, trustworthy=False)
    result = take_in(at=noon + HOUR, runs=[fresh, stale])
    assert result.cured == (_file(ledger, east).case.case_id,)
    assert result.unjudged == (_file(ledger, west).case.case_id,)


def test_an_incremental_run_judges_only_the_keys_it_revisited(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker, noon: datetime
) -> None:
    visited, other = make_finding(business_key="SO-1"), make_finding(business_key="SO-2")
    take_in(visited, other)
    result = take_in(at=noon + HOUR, revisited=frozenset({"SO-1"}))
    assert result.cured == (_file(ledger, visited).case.case_id,)
    assert _file(ledger, other).case.closed_at is None


def test_a_difference_that_returns_reopens_its_case(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker, noon: datetime
) -> None:
    take_in(make_finding())
    take_in(at=noon + HOUR)
    back = make_finding(watermark_at=noon + 2 * HOUR, condition_since=noon + 2 * HOUR)
    assert len(take_in(back, at=noon + 2 * HOUR).reopened) == 1
    found = _file(ledger, back)
    assert (found.case.state, found.case.times_opened) == (CaseState.REOPENED, 2)
    assert (found.case.closed_at, found.case.proving_watermark_at) == (None, None)
    assert (found.case.detected_at, found.case.opened_at) == (noon, noon + 2 * HOUR)
    assert [event.event for event in found.history] == [
        CaseEventKind.OPENED,
        CaseEventKind.CURED,
        CaseEventKind.REOPENED,
    ]


def test_an_old_finding_does_not_reopen_a_case_that_a_later_snapshot_proved_cured(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker, noon: datetime
) -> None:
    take_in(make_finding())
    take_in(at=noon + HOUR)
    before = _rows(ledger)
    assert take_in(make_finding(), at=noon + 2 * HOUR).outdated == 1
    assert _rows(ledger) == before


def test_an_old_finding_does_not_put_an_open_case_back(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker, noon: datetime
) -> None:
    take_in(make_finding(actual_value="4"))
    before = _rows(ledger)
    assert take_in(make_finding(watermark_at=noon - HOUR)).outdated == 1
    assert _rows(ledger) == before


def test_a_cure_is_recorded_in_the_audit_log(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker, noon: datetime
) -> None:
    take_in(make_finding())
    take_in(at=noon + HOUR)
    with ledger.reading() as work:
        report = audit.verify(work)
    assert (report.rows, report.intact) == (2, True)


_WORLDS = st.lists(
    st.dictionaries(
        st.sampled_from(["SO-1", "SO-2", "SO-3"]),
        st.tuples(st.sampled_from([Verdict.DIFFER, Verdict.TIMING, Verdict.UNKNOWN]), st.sampled_from(["0", "4"])),
    ),
    min_size=1,
    max_size=6,
)


@given(worlds=_WORLDS, repeats=st.lists(st.booleans(), min_size=6, max_size=6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rerunning_any_step_of_any_history_leads_to_the_same_cases(
    *,
    tmp_path_factory: pytest.TempPathFactory,
    migrated_sqlite: Path,
    case_policy: CasePolicy,
    make_finding: FindingMaker,
    noon: datetime,
    worlds: list[dict[str, tuple[Verdict, str]]],
    repeats: list[bool],
) -> None:
    def live_through(times: Iterable[int]) -> list[Case]:
        path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
        ledger = Ledger(f"sqlite:///{shutil.copy(migrated_sqlite, path)}")
        for step, (world, runs) in enumerate(zip(worlds, times, strict=False)):
            at = noon + step * HOUR
            findings = [
                replace(make_finding(business_key=key, watermark_at=at), verdict=verdict, actual_value=actual)
                for key, (verdict, actual) in world.items()
            ]
            evaluated = [RuleRun("FIN-01", None, at, trustworthy=True)]
            for _ in range(runs):
                with ledger.unit_of_work() as work:
                    intake(work, findings, evaluated, policy=case_policy, now=at)
                    work.commit()
        with ledger.reading() as work:
            cases = list_cases(work)
        ledger.close()
        return cases

    assert live_through([1] * 6) == live_through([2 if repeat else 1 for repeat in repeats])


def test_two_findings_of_one_case_count_as_the_graver_in_any_order(
    ledger: Ledger, take_in: Intake, make_finding: FindingMaker
) -> None:
    certain, unsure = make_finding(), make_finding(verdict=Verdict.UNKNOWN)
    assert len(take_in(unsure, certain).opened) == 1
    assert len(take_in(certain, unsure).unchanged) == 1
    assert len(_rows(ledger)[0]) == 1
