"""What a target's own state lets through: circuit, rate, cap, the rest it asks for, and the way round it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fulfillment_pipelines.domain.correction import CorrectionClass, Observed
from fulfillment_pipelines.errors import (
    DuplicateEffectError,
    PreconditionError,
    RejectedError,
    RetryableError,
    SystemDownError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.outbox import deliveries_of
from fulfillment_pipelines.ledger.readings import receipts_of
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope, engage
from fulfillment_pipelines.ledger.target_health import Circuit, TargetHealth, read_health

CIRCUIT = {"failures": 3, "open_seconds": 30, "longest_open_seconds": 120, "probe_seconds": 60}
DOWN = SystemDownError("down")


def _health(box: Any, target: str = "erp") -> TargetHealth:
    with box.desk.ledger.reading() as work:
        return read_health(work)[target]


def _add_many(box: Any, count: int, **changes: Any) -> None:
    for number in range(count):
        box.add(f"{number:03}", **changes)


def _delivery(box: Any, name: str) -> Any:
    with box.desk.ledger.unit_of_work() as work:
        return deliveries_of(work, [box.template.case_id])[f"COR-{name}"]


@pytest.mark.parametrize("failure", [DOWN, RetryableError("reset"), UnknownOutcomeError("timed out")])
def test_a_system_that_fails_again_and_again_is_left_alone_and_costs_no_attempts(
    both_box: Any, failure: Exception
) -> None:
    both_box.policy("erp", circuit=CIRCUIT)
    _add_many(both_box, 8)
    both_box.target("erp").answers = [failure] * 8
    both_box.dispatcher().run()
    both_box.dispatcher("another").run()
    assert both_box.target("erp").calls == ["apply"] * 3
    assert _health(both_box).circuit is Circuit.OPEN
    assert [_delivery(both_box, f"{number:03}").attempts for number in range(8)] == [1, 1, 1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("refusal", [RejectedError("no"), PreconditionError("changed"), DuplicateEffectError("twice")])
def test_refusals_of_messages_say_nothing_against_the_system(box: Any, refusal: Exception) -> None:
    box.policy("erp", circuit=CIRCUIT)
    _add_many(box, 6)
    box.target("erp").answers = [refusal] * 5
    box.dispatcher().run()
    assert (len(box.target("erp").effects), _health(box).circuit) == (1, Circuit.CLOSED)


def test_another_system_is_written_to_while_one_is_down(box: Any) -> None:
    box.policy("erp", circuit=CIRCUIT)
    _add_many(box, 5)
    box.add("fine", target="wms")
    box.target("erp").answers = [DOWN] * 5
    box.dispatcher().run()
    assert box.target("wms").effects == ["fine"]


def test_after_the_wait_one_message_probes_and_its_answer_lets_all_go(both_box: Any) -> None:
    both_box.policy("erp", circuit=CIRCUIT)
    _add_many(both_box, 6)
    target = both_box.target("erp")
    target.answers = [DOWN] * 4
    both_box.dispatcher().run()
    both_box.desk.wait(29)
    both_box.dispatcher().run()
    assert len(target.calls) == 3
    both_box.desk.wait(1)
    both_box.dispatcher().run()
    assert len(target.calls) == 4, "the probe has failed, and no other went"
    both_box.desk.wait(60)
    assert both_box.dispatcher().run().acked == 6
    assert _health(both_box).circuit is Circuit.CLOSED


def test_only_one_of_many_workers_probes(both_box: Any) -> None:
    both_box.policy("erp", circuit=CIRCUIT)
    _add_many(both_box, 12)
    target = both_box.target("erp")
    target.answers = [DOWN] * 4
    both_box.dispatcher().run()
    both_box.desk.wait(30)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: both_box.dispatcher(name).run(), "abcd"))
    assert len(target.calls) == 4


def test_a_protective_message_is_the_probe_where_there_is_one(box: Any) -> None:
    box.policy("erp", circuit=CIRCUIT)
    _add_many(box, 4)
    box.target("erp").answers = [DOWN] * 3
    box.dispatcher().run()
    box.add("stop", correction_class=CorrectionClass.GUARD)
    box.desk.wait(30)
    box.dispatcher().run()
    assert box.target("erp").effects[0] == "stop"


def test_a_probe_whose_worker_died_is_made_by_another(box: Any) -> None:
    box.policy("erp", circuit=CIRCUIT)
    _add_many(box, 4)
    box.target("erp").answers = [DOWN] * 3
    box.dispatcher().run()
    box.desk.wait(30)
    assert len(box.dispatcher("dead")._claim(box.desk.clock.now(), 9)) == 1
    living = box.dispatcher("living", is_gone=lambda name: name == "dead")
    assert living.run().acked == 0
    box.desk.wait(60)
    assert living.run().acked == 4


def test_the_circuit_survives_the_workers(box: Any) -> None:
    box.policy("erp", circuit=CIRCUIT)
    _add_many(box, 4)
    box.target("erp").answers = [DOWN] * 3
    box.dispatcher("gone").run()
    assert box.dispatcher("new").run().total == 0


def test_a_rate_is_kept_by_all_workers_together(both_box: Any) -> None:
    both_box.policy("erp", rate={"messages": 2, "per_seconds": 1, "burst": 4})
    _add_many(both_box, 10)
    sent = []
    for worker in ("a", "b", "c"):
        both_box.dispatcher(worker).run()
        sent.append(len(both_box.target("erp").effects))
    both_box.desk.wait(1)
    both_box.dispatcher("d").run()
    assert [*sent, len(both_box.target("erp").effects)] == [4, 4, 4, 6]


def test_no_more_than_the_cap_is_sent_within_an_hour_even_by_four_workers(both_box: Any) -> None:
    both_box.policy("erp", sends_per_hour=7)
    _add_many(both_box, 20)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: both_box.dispatcher(name).run(), "abcd"))
    assert len(both_box.target("erp").effects) == 7
    both_box.desk.wait(3599)
    both_box.dispatcher().run()
    assert len(both_box.target("erp").effects) == 7
    both_box.desk.wait(1)
    both_box.dispatcher().run()
    assert len(both_box.target("erp").effects) == 14


def test_a_target_that_asks_for_rest_is_left_alone_for_that_long(both_box: Any) -> None:
    both_box.add("first")
    both_box.add("second")
    both_box.target("erp").answers = [RetryableError("too many", retry_after_seconds=1800)]
    both_box.dispatcher().run()
    both_box.desk.wait(1799)
    both_box.dispatcher().run()
    assert both_box.target("erp").calls == ["apply"]
    both_box.desk.wait(1)
    assert both_box.dispatcher().run().acked == 2
    assert _health(both_box).failures == 0


@pytest.mark.parametrize("error", [DuplicateEffectError("it is there twice"), RejectedError("AK5 R")])
def test_a_look_that_finds_something_wrong_ends_at_a_person_at_once(box: Any, error: Exception) -> None:
    box.add("one")
    box.target("erp").answers = [UnknownOutcomeError("timed out")]
    box.target("erp").sights = [error]
    box.dispatcher().run()
    box.desk.wait(60)
    assert box.dispatcher().run().dead_lettered == 1
    assert box.states()["one"] == "DEAD_LETTER"


def test_time_that_is_spent_hands_it_to_a_person(both_box: Any) -> None:
    both_box.add("stop", correction_class=CorrectionClass.GUARD)
    both_box.target("erp").answers = [DOWN]
    both_box.dispatcher().run()
    both_box.desk.wait(4 * 3600)
    assert both_box.dispatcher().run().dead_lettered == 1
    assert both_box.target("erp").calls == ["apply"]
    (record,) = [one for one in both_box.desk.corrections() if one.idempotency_key == "stop"]
    assert "not delivered within its time" in record.decision_reason
    assert "down" in record.decision_reason


def test_content_that_is_not_what_was_approved_is_never_sent(both_box: Any) -> None:
    both_box.add("edited")
    edit = 'update correction set payload = \'{"order_id": "edited", "qty": "9"}\' where idempotency_key = \'edited\''
    with both_box.desk.ledger.unit_of_work() as work:
        work._connection.exec_driver_sql(edit)
        work.commit()
    assert both_box.dispatcher().run().dead_lettered == 1
    assert both_box.target("erp").calls == []
    with both_box.desk.ledger.reading() as work:
        (receipt,) = receipts_of(work, "COR-edited")
        assert audit.verify(work).intact
    assert "not what was approved" in receipt.detail


def _stop(box: Any, scope: SwitchScope, name: str) -> None:
    with box.desk.ledger.unit_of_work() as work:
        engage(work, KillSwitch(scope, name), actor="ada", reason="drill", now=box.desk.clock.now())
        work.commit()


@pytest.mark.parametrize(
    ("scope", "name"), [(SwitchScope.EVERYTHING, ""), (SwitchScope.TARGET, "erp"), (SwitchScope.RULE, "FIN-01")]
)
def test_a_kill_switch_stops_what_is_claimed_and_not_yet_sent(both_box: Any, scope: SwitchScope, name: str) -> None:
    _add_many(both_box, 6)
    target = both_box.target("erp")

    def switched() -> None:
        _stop(both_box, scope, name)

    target.answers = [Observed.APPLIED, switched]
    assert both_box.dispatcher().run().acked == 2
    assert len(target.calls) == 2
    assert _delivery(both_box, "005").attempts == 0


def test_a_kill_switch_is_heard_between_the_look_and_the_send_that_follows(both_box: Any) -> None:
    both_box.add("one", correction_class=CorrectionClass.RETRY)
    target = both_box.target("erp")
    target.sights = [lambda: _stop(both_box, SwitchScope.TARGET, "erp")]
    both_box.dispatcher().run()
    assert target.calls == ["read_back"]
    delivery = _delivery(both_box, "one")
    assert (delivery.attempts, delivery.status, both_box.states()["one"]) == (0, "READY", "APPROVED")


FALLBACK = {"circuit": CIRCUIT, "fallback": {"to": "drop", "after_seconds": 900}}


def test_what_has_not_reached_a_target_that_stays_down_goes_the_other_way(both_box: Any) -> None:
    both_box.policy("erp", **FALLBACK)
    _add_many(both_box, 4)
    both_box.target("erp").sights = [DOWN] * 100
    for _ in range(10):
        both_box.dispatcher().run()
        both_box.desk.wait(89)
    assert both_box.target("drop").effects == []
    both_box.desk.wait(60)
    assert both_box.dispatcher().run().acked == 4
    assert sorted(both_box.target("drop").effects) == ["000", "001", "002", "003"]
    assert [one.target for one in both_box.target("drop").received] == ["erp"] * 4
    with both_box.desk.ledger.reading() as work:
        assert [receipt.system for receipt in receipts_of(work, "COR-003")][-1] == "drop"


def test_what_may_have_reached_its_target_stays_with_it(box: Any) -> None:
    box.policy("erp", **FALLBACK)
    _add_many(box, 3)
    box.target("erp").sights = [Observed.ABSENT, *[DOWN] * 100]
    box.target("erp").answers = [UnknownOutcomeError("timed out")]
    for _ in range(12):
        box.dispatcher().run()
        box.desk.wait(120)
    assert (box.target("drop").effects, box.states()["000"]) == (["001", "002"], "UNKNOWN_OUTCOME")


def test_what_is_approved_after_the_target_is_back_goes_to_it(box: Any) -> None:
    box.policy("erp", **FALLBACK)
    _add_many(box, 3)
    box.target("erp").answers = [DOWN] * 3
    box.dispatcher().run()
    box.desk.wait(60)
    box.dispatcher().run()
    box.add("later")
    box.desk.wait(3600)
    box.dispatcher().run()
    assert (box.target("drop").effects, "later" in box.target("erp").effects) == ([], True)


def test_a_kill_switch_of_the_other_way_stops_it_too(box: Any) -> None:
    box.policy("erp", **FALLBACK)
    _add_many(box, 3)
    box.target("erp").answers = [DOWN] * 100
    box.dispatcher().run()
    _stop(box, SwitchScope.TARGET, "drop")
    box.desk.wait(900)
    box.dispatcher().run()
    assert box.target("drop").calls == []
