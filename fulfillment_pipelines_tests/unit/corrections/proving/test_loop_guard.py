"""A key that is corrected in a loop is left to people until one of them lets automation go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fulfillment_pipelines.domain.case import case_id_of
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding, Verdict
from fulfillment_pipelines.ledger.history import correction_history
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope, engaged_switches, release

FindingMaker = Callable[..., Finding]
LOOP = {"code": "SYS-05", "business_key": "FIN-01/SO-1001/2/SH-7", "message": "", "target_role": ""}


def _switch() -> KillSwitch:
    return KillSwitch(SwitchScope.CASE, case_id_of("FIN-01", "SO-1001/2/SH-7", "east"))


def test_a_loop_leaves_its_case_to_people_and_no_other(both_desk: Any, make_direct: FindingMaker) -> None:
    other = make_direct(business_key="SO-1001/3/SH-7")
    _, proposed = both_desk.take_in(make_direct(), make_direct(**LOOP), other)
    assert (len(proposed.pending), len(proposed.approved)) == (1, 1)
    with both_desk.ledger.reading() as work:
        assert engaged_switches(work) == {_switch()}


def test_what_was_approved_before_the_loop_was_seen_is_not_sent(both_desk: Any, make_direct: FindingMaker) -> None:
    both_desk.take_in(make_direct())
    both_desk.take_in(make_direct(), make_direct(**LOOP))
    both_desk.dispatcher().run()
    assert both_desk.target.calls == []
    assert both_desk.only().state is CorrectionState.APPROVED


def test_a_loop_that_is_not_certain_stops_nothing(desk: Any, make_direct: FindingMaker) -> None:
    _, proposed = desk.take_in(make_direct(), make_direct(**LOOP, verdict=Verdict.UNKNOWN))
    assert len(proposed.approved) == 1


def test_automation_goes_on_when_a_person_releases_the_switch_and_the_history_says_when(
    both_desk: Any, make_direct: FindingMaker
) -> None:
    both_desk.take_in(make_direct(), make_direct(**LOOP))
    start = both_desk.clock.now()
    both_desk.wait(60)
    with both_desk.ledger.unit_of_work() as work:
        release(work, _switch(), actor="ada", reason="the job was stopped", now=both_desk.clock.now())
        work.commit()
    resumed = both_desk.clock.now()
    with both_desk.ledger.reading() as work:
        (row,) = correction_history(work, since=start)
    assert (row.is_switched_off, row.resumed_at, row.is_case_open) == (False, resumed, True)
    _, proposed = both_desk.take_in(make_direct())
    assert len(proposed.approved) == 1


def test_the_history_tells_what_was_done_for_a_case_and_how_far_it_came(
    both_desk: Any, make_direct: FindingMaker
) -> None:
    both_desk.take_in(make_direct())
    both_desk.dispatcher().run()
    with both_desk.ledger.reading() as work:
        (row,) = correction_history(work, since=both_desk.clock.now())
    assert (row.code, row.business_key, row.node) == ("FIN-01", "SO-1001/2/SH-7", "east")
    assert (row.state, row.attempts, row.decided_by, row.is_switched_off) == ("ACKED", 1, "policy", False)
    assert row.sent_at == row.acked_at == both_desk.clock.now()


def test_the_history_forgets_what_was_sent_long_ago_for_cases_that_are_over(
    desk: Any, make_direct: FindingMaker
) -> None:
    desk.take_in(make_direct())
    desk.dispatcher().run()
    sent_at = desk.clock.now()
    desk.wait(600)
    desk.take_in()
    with desk.ledger.reading() as work:
        assert [row.state for row in correction_history(work, since=sent_at)] == ["VERIFIED"]
        assert correction_history(work, since=desk.clock.now()) == []
